// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBar(t *testing.T) {
	var out strings.Builder
	draw := bar(&out)
	p := Progress{Epoch: 2, Epochs: 20, Step: 45, Steps: 90, Loss: 0.04123, SamplesPerSecond: 1200.4, ETA: 63*time.Second + 300*time.Millisecond}
	draw(p)
	assert.Equal(t, "\r\x1b[Kepoch 3/20 |██████████          | 45/90, loss 0.04123, 1200 samples/s, 1m3s left", out.String())

	out.Reset()
	draw(p)
	assert.Empty(t, out.String(), "a tenth of a second has not passed")

	p.Step = 90
	draw(p)
	assert.Equal(t, "\r\x1b[K", out.String(), "the line is free for the epoch's")

	out.Reset()
	bar(&out)(Progress{Epochs: 1, Step: 1, Steps: 2, Loss: math.NaN()})
	assert.NotContains(t, out.String(), "loss", "none has been read yet")
}

func TestBarDrawsOnTerminalsAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	Bar(f)(Progress{Epochs: 1, Step: 1, Steps: 2})
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Empty(t, text)
}
