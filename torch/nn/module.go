// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// Module is a network or a layer: anything that maps a tensor to a tensor.
type Module interface {
	Forward(x *torch.Tensor) *torch.Tensor
}

// NamedTensor is a parameter or a buffer with its name in the state dict.
type NamedTensor struct {
	Name   string
	Tensor *torch.Tensor
	Buffer bool // part of the state, but not trained
}

// TensorNamer is implemented by layers whose names do not follow from their
// fields. These tensors, in this order, take the place of the fields.
type TensorNamer interface {
	NamedTensors() []NamedTensor
}

// TrainingMode is implemented by networks that have to know when [SetTraining] is
// called, for instance to keep a part in evaluation mode. A layer that computes something
// else in training needs only an exported field Training.
type TrainingMode interface {
	SetTraining(on bool)
}

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
