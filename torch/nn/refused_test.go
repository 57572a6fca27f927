// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestRefused gives layers wrong settings and shapes.
func TestRefused(t *testing.T) {
	torchtest.NoLeaks(t)
	cpu := torch.CPU
	x := func(shape ...int) *torch.Tensor { return torch.Zeros(shape) }
	for want, f := range map[string]func(){
		"nn.PReLU: the number of weights is 0; it must be at least 1":                  func() { nn.NewPReLU(0, cpu) },
		"nn.Softmax2d: [2 3]: the input must have the shape [N, C, H, W] or [C, H, W]": func() { nn.Softmax2d{}.Forward(x(2, 3)) },
		"nn.Hardtanh: Min is 1 and Max is 1; Min must be below Max":                    func() { nn.Hardtanh{Min: 1, Max: 1}.Forward(x(2)) },
	} {
		torch.Scope(func() { assert.ErrorContains(t, torch.Try(f), want) })
	}
}
