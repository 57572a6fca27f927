// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import "fmt"

// Subset is a part of a dataset: the samples at Indices, in that order, as a split returns
// them. It divides what a [Loader] reads; [Set.Select] copies the samples of a set.
//
//	train, val, err := data.SplitRandom(clips.Len(), 0.2, seed)
//	loader := &data.Loader{Data: data.Subset{Data: clips, Indices: train}}
type Subset struct {
	Data    Dataset
	Indices []int
}

// Len returns the number of indices.
func (s Subset) Len() int { return len(s.Indices) }

// Sample returns sample Indices[i] of Data.
func (s Subset) Sample(i int) (Sample, error) { return s.Data.Sample(s.Indices[i]) }

// Name returns the name that Data has for the sample, or "".
func (s Subset) Name(i int) string {
	if d, ok := s.Data.(interface{ Name(i int) string }); ok {
		return d.Name(s.Indices[i])
	}
	return ""
}

// Identity returns a text that changes with the indices and with Data's Identity.
func (s Subset) Identity() string {
	of := ""
	if d, ok := s.Data.(interface{ Identity() string }); ok {
		of = d.Identity()
	}
	return fmt.Sprint(of, s.Indices)
}
