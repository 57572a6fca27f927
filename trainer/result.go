// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Result is what a network makes of a batch.
type Result struct {
	// Loss is what to train by: a single value, the mean over the batch; see
	// nn.WithDivisor for means over anything but its samples.
	Loss *torch.Tensor
	// Output and Target are what accuracies and other measures compare, or nil. Targets
	// of int64 [N, …] are classes where the output is [N, C, …].
	Output, Target *torch.Tensor
	// Parts are further losses to follow, such as the terms of Loss, by name: single
	// values, means over the batch as Loss is. Every batch has the same ones.
	Parts map[string]*torch.Tensor
}

// each returns what f makes of the tensors that are there, always in the same order.
func (r Result) each(f func(*torch.Tensor) *torch.Tensor) Result {
	for _, t := range []**torch.Tensor{&r.Loss, &r.Output, &r.Target} {
		if *t != nil {
			*t = f(*t)
		}
	}
	parts := maps.Clone(r.Parts)
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		parts[name] = f(parts[name])
	}
	r.Parts = parts
	return r
}

// classes reports whether the target is classes and the output a score for each: [N, …]
// and [N, C, …], or [] and [C].
func (r Result) classes() bool {
	if r.Output == nil || r.Target == nil || r.Target.DType() != torch.Int64 || r.Output.Dim() == 0 {
		return false
	}
	at := r.classDim()
	return slices.Equal(slices.Delete(r.Output.Shape(), at, at+1), r.Target.Shape())
}

func (r Result) classDim() int { return min(1, r.Output.Dim()-1) }

// values reports whether output and target can be compared number by number.
func (r Result) values() bool {
	return r.Output != nil && r.Target != nil && r.Target.DType() != torch.Int64 && slices.Equal(r.Output.Shape(), r.Target.Shape())
}
