// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// Dropout zeroes each element with probability P in training, and scales the
// others by 1/(1-P); in evaluation it passes its input on. From "Improving neural
// networks by preventing co-adaptation of feature detectors", Hinton et al., 2012.
//
// Shape: any to the same.
type Dropout struct {
	P        float64
	Training bool
}

// NewDropout returns a Dropout in training mode. p lies between 0 and 1.
func NewDropout(p float64) *Dropout {
	probability("nn.Dropout", "p", p)
	return &Dropout{P: p, Training: true}
}

// Forward drops elements of x.
func (l *Dropout) Forward(x *torch.Tensor) *torch.Tensor { return torch.Dropout(x, l.P, l.Training) }
