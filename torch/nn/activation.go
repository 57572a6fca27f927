// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// Tanh is the hyperbolic tangent as a module, for [Sequential]. Shape: any to the same.
type Tanh struct{}

// Forward returns tanh(x).
func (Tanh) Forward(x *torch.Tensor) *torch.Tensor { return x.Tanh() }

// ReLU is max(x, 0) as a module. Shape: any to the same.
type ReLU struct{}

// Forward returns max(x, 0).
func (ReLU) Forward(x *torch.Tensor) *torch.Tensor { return x.Relu() }

// Sigmoid is 1/(1 + e⁻ˣ) as a module. Shape: any to the same.
type Sigmoid struct{}

// Forward returns the sigmoid of x.
func (Sigmoid) Forward(x *torch.Tensor) *torch.Tensor { return x.Sigmoid() }

// Softmax is eˣ divided by its sum along Dim, as a module. Shape: any to the same.
type Softmax struct{ Dim int }

// Forward returns the softmax of x along Dim.
func (s Softmax) Forward(x *torch.Tensor) *torch.Tensor { return x.Softmax(s.Dim) }
