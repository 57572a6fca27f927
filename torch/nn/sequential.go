// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// Sequential passes its input through modules in order. They are named by their
// index: 0.weight, 0.bias, 2.weight.
type Sequential []Module

// NewSequential returns a Sequential of modules.
func NewSequential(modules ...Module) Sequential { return modules }

// Forward applies the modules in order.
func (s Sequential) Forward(x *torch.Tensor) *torch.Tensor {
	for _, m := range s {
		x = m.Forward(x)
	}
	return x
}
