// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Source is where a training takes its batches from: a [Set] in memory, or something
// that loads or makes samples while the network trains.
type Source interface {
	// Len returns the number of samples, which are numbered from 0.
	Len() int
	// Device returns where the batches are.
	Device() torch.Device
	// Identity returns a text that differs for other samples, such as a hash. A run
	// that is continued compares it.
	Identity() string
	// Epoch yields the batches of e, in order, each inside a [torch.Scope] of its own
	// that ends with the loop's body. It is for range loops. After an error, which comes
	// with an empty Batch, there are no more; a body that leaves the loop frees what the
	// source holds.
	Epoch(e Epoch) iter.Seq2[Batch, error]
}

// Epoch describes the batches of an epoch, or of what is left of one. What a source
// draws at random for a sample depends on Seed, Number and the sample's position in the
// epoch alone: the same batches come out after a break.
type Epoch struct {
	Size   int    // samples in a batch; the last batch may be smaller
	Order  []int  // the samples to visit; nil for 0 to Len()-1
	First  int    // the position in the epoch of the first of Order
	Seed   uint64 // of what is drawn for each sample
	Number int    // of the epoch, from 0

	// Positions are those of Order's samples where they do not follow each other, because
	// other processes take the samples between them; nil for First, First+1, ….
	Positions []int
}

// Sampler chooses the samples of each epoch and their order.
type Sampler interface {
	// Order returns the numbers of the samples of an epoch (0, 1, 2, …) in the order in
	// which they are visited. It is a function of seed and epoch alone, so that a run
	// continued in the middle of an epoch sees what it would have seen. A sample may come
	// several times or never; every epoch has as many positions as the others.
	Order(seed uint64, epoch int) []int
}

// Identity returns Fingerprint, or where there is none a hash of the tensors: the
// SHA-256, in hexadecimal, of their types, shapes and elements, with the names of More.
func (s *Set) Identity() string {
	if s.Fingerprint != "" {
		return s.Fingerprint
	}
	h := sha256.New()
	for _, t := range s.tensors() {
		fmt.Fprint(h, t.DType(), t.Shape())
		rows := max(1, t.Size(0)*(1<<20)/max(t.Numel(), 1))
		for i := 0; i < t.Size(0); i += rows {
			torch.Scope(func() { h.Write(t.Narrow(0, i, min(rows, t.Size(0)-i)).To(torch.CPU).Bytes()) })
		}
	}
	if len(s.More) > 0 {
		fmt.Fprintf(h, "%q", slices.Sorted(maps.Keys(s.More)))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Epoch yields the batches that e describes, as [Set.Batches] does, and never an error.
func (s *Set) Epoch(e Epoch) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		s.Batches(e.Size, e.Order)(func(b Batch) bool { return yield(b, nil) })
	}
}
