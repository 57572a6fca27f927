// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/torchtest"
)

// On a stand-in for CUDA: batches are copied in the loop's stream, from pinned memory, so
// that the host waits for none; and only their own device is given a context.
func TestStandInLoader(t *testing.T) {
	log := torchtest.StandIn(t)
	if log == nil {
		return
	}
	l := &Loader{Data: sequences, To: torch.CUDA(1), Workers: 2, Augment: jitter, Pad: map[string]float64{"X": 0}}
	e := Epoch{Size: 8}
	s, err := cuda.NewStream(1)
	require.NoError(t, err)
	require.NoError(t, cuda.SetSyncDebugMode(cuda.SyncError))
	batches := 0
	require.NoError(t, s.Do(func() {
		for b, err := range l.Epoch(e) {
			require.NoError(t, err)
			assert.Equal(t, l.To, b.X.Device())
			batches++
		}
	}))
	require.NoError(t, cuda.SetSyncDebugMode(cuda.SyncDefault))
	lines := log()
	assert.Equal(t, 1, strings.Count(strings.Join(lines, "\n"), "context"))
	copies := slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, "copy") })
	assert.Len(t, copies, 5*batches)
	for _, line := range copies {
		assert.Regexp(t, `^1 copy 1\.\d+$`, line)
		assert.Equal(t, copies[0], line)
	}

	host := &Loader{Data: sequences, Augment: jitter, Pad: l.Pad}
	assert.Equal(t, hashes(t, host, e), hashes(t, l, e))
	before := torch.Live().Tensors
	for range l.Epoch(e) {
		break
	}
	assert.Equal(t, before, torch.Live().Tensors, "what was pinned ahead is freed")

	bad := &Loader{To: l.To, Workers: 1, MaxSkip: 1, Data: made{3, func(i int) (s Sample, err error) {
		if i > 0 {
			err = errors.New("no")
		}
		return Sample{X: FromSlice([]float32{1})}, err
	}}}
	_, err = visit(bad, Epoch{Size: 3})
	require.ErrorContains(t, err, "MaxSkip allows no more")
	assert.Equal(t, before, torch.Live().Tensors, "what was pinned for a batch that is not yielded is freed")

	j := &job{batch: &collator{}}
	j.batch.begin(1, nil)
	require.NoError(t, j.batch.add(Sample{X: FromSlice([]float32{1, 2})}))
	require.NoError(t, j.pin(1))
	defer j.close()
	assert.True(t, j.pinned["X"].IsPinned())
	assert.Equal(t, []float32{1, 2}, j.pinned["X"].Float32s())
}
