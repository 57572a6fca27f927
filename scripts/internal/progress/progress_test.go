// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLogIsSparseAndPlain(t *testing.T) {
	var out bytes.Buffer
	j := Start(&out, false, "emotion: reading", Files, 200)
	for i := range int64(200) {
		j.Set(i+1, "")
	}
	j.Finish("200 files")
	j.Set(1, "too late")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Len(t, lines, 6, "a beginning, the quarters, an end")
	assert.Equal(t, "emotion: reading …", lines[0])
	assert.Equal(t, "emotion: reading: 50 of 200 files", lines[1])
	assert.Regexp(t, `^emotion: reading: 200 files \(\d+\.\d s\)$`, lines[5])
	assert.NotContains(t, out.String(), "\r")
	assert.NotContains(t, out.String(), "\x1b")
}

func TestNotesAndBytes(t *testing.T) {
	var out bytes.Buffer
	j := Start(&out, false, "download", Bytes, 550e6)
	j.Set(275e6, "torch")
	assert.Contains(t, out.String(), "download: 275 of 550 MB, torch\n")
}

func TestTerminalHasABar(t *testing.T) {
	var out bytes.Buffer
	j := Start(&out, true, "emotion", Epochs, 3)
	j.Set(1, "val 0.5")
	j.Set(2, "")
	j.Finish("3 epochs")
	assert.Contains(t, out.String(), "\r")
	assert.Regexp(t, `emotion: 3 epochs \(0\.\d s\)\n$`, out.String())
}

func TestManyGoroutines(t *testing.T) {
	var out bytes.Buffer
	j := Start(&out, false, "x", Files, 100)
	var wg sync.WaitGroup
	for i := range int64(100) {
		wg.Go(func() { j.Set(i, "") })
	}
	wg.Wait()
	j.Finish("")
	assert.LessOrEqual(t, strings.Count(out.String(), "\n"), 1+quarters)
}
