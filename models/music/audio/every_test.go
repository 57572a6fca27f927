// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"bytes"
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A window is what LogMel gives for a file that begins there. 3.7 s hold windows of 2 s
// from 0, 0.75 and 1.5 s on.
func TestLogMelEvery(t *testing.T) {
	const rate = 8000
	x := sine(3*rate+7*rate/10, 440.0/rate)
	for i := range x {
		x[i] *= float64(i) / float64(len(x))
	}
	file := func(x []float64) string {
		var b bytes.Buffer
		require.NoError(t, WriteWAV(&b, x, rate))
		return write(t, b.Bytes())
	}
	ctx := context.Background()
	windows, notes, err := LogMelEvery(ctx, file(x), 0.75)
	require.NoError(t, err)
	assert.Empty(t, notes)
	require.Len(t, windows, 3)
	for k, w := range windows {
		assert.InDelta(t, 0.75*float64(k), w.Start, 0)
		want, err := LogMel(file(x[k*rate*3/4:]))
		require.NoError(t, err)
		assert.Equal(t, want, w.Feature)
	}
	assert.NotEqual(t, windows[0].Feature, windows[2].Feature)

	short, _, err := LogMelEvery(ctx, file(x[rate:2*rate]), 1)
	require.NoError(t, err)
	assert.Len(t, short, 1)

	clear(x[:5*rate/2])
	windows, notes, err = LogMelEvery(ctx, file(x), 0.75)
	require.NoError(t, err)
	assert.Equal(t, []string{"1 of 3 windows are silent (peak below -80 dBFS) and have no feature"}, notes)
	assert.InDelta(t, 0.75, windows[0].Start, 0)
	clear(x)
	_, _, err = LogMelEvery(ctx, file(x), 1)
	assert.ErrorIs(t, err, ErrSilent)
	for _, every := range []float64{0, math.NaN(), math.Inf(1)} {
		_, _, err = LogMelEvery(ctx, file(x), every)
		assert.ErrorContains(t, err, "want 0.01 or more")
	}
	cut, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err = LogMelEvery(cut, file(x), 1)
	assert.ErrorIs(t, err, context.Canceled)
}
