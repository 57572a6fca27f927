// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"maps"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// modules makes each module of PyTorch from the arguments of a case.
var modules = together(
	basicModules,
	attentionModules,
	embeddingModules,
	convModules,
	poolModules,
	normModules,
	padModules,
	dropoutModules,
	shapeModules,
	activationModules,
	recurrentModules,
	lossModules,
	parametrizedModules,
)

// moduleTable holds the modules of one family.
type moduleTable map[string]func(c moduleCase) any

func together(tables ...moduleTable) moduleTable {
	all := moduleTable{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

var basicModules = moduleTable{
	"Linear": func(c moduleCase) any {
		return nn.NewLinear(c.int(0, "in_features", 0), c.int(1, "out_features", 0), torch.CPU,
			nn.LinearConfig{NoBias: !c.bool(2, "bias", true), DType: c.dtype})
	},
	"LayerNorm": func(c moduleCase) any {
		return nn.NewLayerNorm(c.ints(0, "normalized_shape"), torch.CPU, nn.LayerNormConfig{
			Eps: c.float(1, "eps", 1e-5), NoAffine: !c.bool(2, "elementwise_affine", true), NoBias: !c.bool(3, "bias", true), DType: c.dtype,
		})
	},
	"Dropout": func(c moduleCase) any { return nn.NewDropout(c.float(0, "p", 0.5)) },
	"Tanh":    func(moduleCase) any { return nn.Tanh{} },
	"ReLU":    func(moduleCase) any { return nn.ReLU{} },
	"Sigmoid": func(moduleCase) any { return nn.Sigmoid{} },
	"Softmax": func(c moduleCase) any { return nn.Softmax{Dim: c.int(0, "dim", 0)} },
}

// notWritten are the modules of PyTorch that this package lacks, with the reason.
var notWritten = map[string]string{}
