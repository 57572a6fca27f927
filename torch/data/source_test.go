// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// named has five samples i of the input (i, -i), no target, and two more tensors.
func named() *Set {
	more := map[string]*torch.Tensor{
		"length": torch.FromSlice([]int64{0, 1, 2, 3, 4}),
		"mask":   torch.FromSlice([]bool{true, false, true, false, true}, 5, 1, 1),
	}
	return &Set{X: torch.FromSlice([]float32{0, 0, 1, -1, 2, -2, 3, -3, 4, -4}, 5, 2), More: more}
}

func TestEpochOfASet(t *testing.T) {
	torchtest.NoLeaks(t)
	set := named()
	defer set.Close()
	var source Source = set
	for _, order := range [][]int{nil, {4, 0, 3, 3}} {
		want := order
		if order == nil {
			want = []int{0, 1, 2, 3, 4}
		}
		for b, err := range source.Epoch(Epoch{Size: 3, Order: order}) {
			require.NoError(t, err)
			require.Nil(t, b.Y)
			require.Equal(t, []int{b.Len, 1, 1}, b.More["mask"].Shape())
			for i, at := range want[:b.Len] {
				assert.Equal(t, float32(at), b.X.Float32s()[2*i])
				assert.Equal(t, float64(at), b.More["length"].Float64s()[i])
				assert.Equal(t, at%2 == 0, b.More["mask"].Float64s()[i] != 0)
			}
			want = want[b.Len:]
		}
		assert.Empty(t, want)
	}
	for range source.Epoch(Epoch{Size: 1}) {
		break
	}
	set.More["mask"].Close()
	set.More["mask"] = torch.Zeros([]int{4})
	assert.ErrorContains(t, torch.Try(func() {
		for range set.Batches(2, nil) {
			t.Error("a batch of tensors that differ in their numbers of samples")
		}
	}), "data: 5 samples on cpu, but mask is [4] on cpu")
}

// A run that was begun with an earlier version goes on: the hash of X and Y stays.
func TestIdentity(t *testing.T) {
	set := &Set{X: torch.FromSlice([]int32{1, 2}, 2, 1), Y: torch.FromSlice([]uint8{3, 4})}
	defer func() { set.Close() }()
	hash := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	plain := "int32 [2 1]\x01\x00\x00\x00\x02\x00\x00\x00uint8 [2]\x03\x04"
	assert.Equal(t, hash(plain), set.Identity())
	set.More = map[string]*torch.Tensor{"b": torch.FromSlice([]uint8{5, 6}), "a": torch.FromSlice([]uint8{7, 8})}
	assert.Equal(t, hash(plain+"uint8 [2]\x07\x08uint8 [2]\x05\x06"+`["a" "b"]`), set.Identity())
	set.Fingerprint = "given"
	assert.Equal(t, "given", set.Identity())
}
