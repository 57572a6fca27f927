// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"reflect"

	"github.com/etude-ml/etude/torch"
)

// Parameters returns the parameters of m in PyTorch's order, each once. m is a
// pointer to any struct with layers or tensors in its fields, or a slice of such.
func Parameters(m any) []*torch.Tensor {
	named := NamedParameters(m)
	ts := make([]*torch.Tensor, len(named))
	for i, n := range named {
		ts[i] = n.Tensor
	}
	return ts
}

// NamedParameters returns the parameters of m with their names, in PyTorch's
// order. A tensor that is reached in two ways has the name of the first.
func NamedParameters(m any) []NamedTensor {
	seen := map[*torch.Tensor]bool{}
	var ts []NamedTensor
	for _, n := range NamedTensors(m) {
		if !n.Buffer && !seen[n.Tensor] {
			seen[n.Tensor] = true
			ts = append(ts, n)
		}
	}
	return ts
}

// ParameterCount returns the number of trained values in m.
func ParameterCount(m any) int {
	n := 0
	for _, p := range Parameters(m) {
		n += p.Numel()
	}
	return n
}

// NamedTensors returns the parameters and buffers of m with their names, in the order of
// PyTorch's state_dict. As there, a tensor that is reached in two ways comes twice.
func NamedTensors(m any) []NamedTensor {
	var ts []NamedTensor
	w := walker{found: func(n NamedTensor) { ts = append(ts, n) }}
	w.walk("", reflect.ValueOf(m))
	return ts
}
