// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package data holds what a network learns from: samples, their division into training and
// validation, and the order in which an epoch visits them.
//
// From a file to a trained network there are three steps. Package files reads the file to
// a [Set], a split chooses the samples for training and for validation, and a trainer.Run
// trains with them:
//
//	iris, err := files.ReadCSV("iris.csv", files.Columns{
//		Targets: []string{"species"}, Classes: map[string][]string{"species": nil},
//	})
//	…
//	train, val, err := data.SplitStratified(torch.ToSlice[int64](iris.Y), 0.2, 42)
//	…
//	run := trainer.Run{
//		Model: model, Loss: nn.CrossEntropyLoss, Optimizer: optimizer,
//		Train: iris.Select(train), Val: iris.Select(val), Epochs: 20, BatchSize: 16,
//	}
//	history, err := run.Fit(ctx)
//
// The program scripts/examples/tabular shows all of it. [Split] keeps the samples of a
// group together, and [KFold] makes the splits of a cross-validation.
//
// A [Set] holds its samples in memory, as tensors. Samples that are too many for that, or
// that change at random from epoch to epoch, come from a [Dataset], which a [Loader] reads
// while the network trains. Both are a [Source] of batches. An epoch visits all samples in
// a shuffled order; a [Sampler], such as [Weighted] or [Bucketed], chooses another one.
//
// All random choices follow from a seed that is given: the same arguments make the same
// splits, orders and batches.
package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
)

// Skip names something that was skipped, and says why.
type Skip struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Samples is a list of samples, each an input of In numbers, a target of Out
// numbers, a name, and a group: samples of one group (the clips of a song, the
// windows of a file) are never on both sides of a [Split]. The zero value is
// empty; [Samples.Append] sets In and Out.
type Samples struct {
	X, Y          []float32 // row-major, Len()×In and Len()×Out
	In, Out       int
	Names, Groups []string // one per sample

	Skipped []Skip   // what could not become a sample
	Notes   []string // remarks on samples that are there, such as repaired files
}

// Len returns the number of samples.
func (s *Samples) Len() int { return len(s.Names) }

// Append adds a sample; x and y are copied. The first sample fixes the sizes,
// and one of other sizes is a mistake in the program: it panics.
func (s *Samples) Append(name, group string, x, y []float32) {
	if s.Len() == 0 {
		s.In, s.Out = len(x), len(y)
	}
	if len(x) != s.In || len(y) != s.Out {
		panic(fmt.Sprintf("data: sample %q: %d inputs and %d targets, the samples before it have %d and %d", name, len(x), len(y), s.In, s.Out))
	}
	s.X, s.Y = append(s.X, x...), append(s.Y, y...)
	s.Names, s.Groups = append(s.Names, name), append(s.Groups, group)
}

// Row returns sample i's input and target, slices of X and Y.
func (s *Samples) Row(i int) (x, y []float32) {
	return s.X[i*s.In : (i+1)*s.In], s.Y[i*s.Out : (i+1)*s.Out]
}

// Select copies the samples at idx, in that order; an index may come twice.
// Skipped and Notes, which belong to the whole, stay behind. An index out of
// range panics.
func (s *Samples) Select(idx []int) *Samples {
	out := &Samples{
		X: make([]float32, 0, len(idx)*s.In), Y: make([]float32, 0, len(idx)*s.Out), In: s.In, Out: s.Out,
		Names: make([]string, 0, len(idx)), Groups: make([]string, 0, len(idx)),
	}
	for _, i := range idx {
		x, y := s.Row(i)
		out.X, out.Y = append(out.X, x...), append(out.Y, y...)
		out.Names, out.Groups = append(out.Names, s.Names[i]), append(out.Groups, s.Groups[i])
	}
	return out
}

// Fingerprint identifies the samples: the SHA-256, in hexadecimal, of the sizes,
// names, groups, inputs and targets, in their order. A run that is continued
// compares it. Skipped samples do not count.
func (s *Samples) Fingerprint() string {
	h := sha256.New()
	number(h, uint64(s.Len()), uint64(s.In), uint64(s.Out))
	for i := range s.Names {
		text(h, s.Names[i])
		text(h, s.Groups[i])
	}
	floats(h, s.X)
	floats(h, s.Y)
	return hex.EncodeToString(h.Sum(nil))
}

// number writes little-endian; a hash takes everything without an error.
func number(h hash.Hash, values ...uint64) {
	for _, v := range values {
		h.Write(binary.LittleEndian.AppendUint64(nil, v))
	}
}

// text writes the length first, so that no two lists of strings look alike.
func text(h hash.Hash, s string) {
	number(h, uint64(len(s)))
	h.Write([]byte(s))
}

func floats(h hash.Hash, values []float32) {
	number(h, uint64(len(values)))
	buf := make([]byte, 0, 4096)
	for _, v := range values {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		if len(buf) == cap(buf) {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	h.Write(buf)
}
