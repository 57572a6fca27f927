// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

var activationModules = moduleTable{
	"ReLU6": func(moduleCase) any { return nn.ReLU6{} },
	"LeakyReLU": func(c moduleCase) any {
		return nn.LeakyReLU{NegativeSlope: c.float(0, "negative_slope", nn.DefaultLeakyReLU().NegativeSlope)}
	},
	"PReLU": func(c moduleCase) any {
		return nn.NewPReLU(c.int(0, "num_parameters", 1), torch.CPU, nn.PReLUConfig{Init: c.float(1, "init", nn.DefaultPReLU().Init), DType: c.dtype})
	},
	"RReLU": func(c moduleCase) any {
		l := nn.DefaultRReLU()
		l.Lower, l.Upper = c.float(0, "lower", l.Lower), c.float(1, "upper", l.Upper)
		return l
	},
	"ELU":  func(c moduleCase) any { return nn.ELU{Alpha: c.float(0, "alpha", nn.DefaultELU().Alpha)} },
	"CELU": func(c moduleCase) any { return nn.CELU{Alpha: c.float(0, "alpha", 0)} },
	"SELU": func(moduleCase) any { return nn.SELU{} },
	"GELU": func(c moduleCase) any { return nn.GELU{Approximate: c.string(0, "approximate", "")} },
	"SiLU": func(moduleCase) any { return nn.SiLU{} },
	"Mish": func(moduleCase) any { return nn.Mish{} },
	"Softplus": func(c moduleCase) any {
		l := nn.DefaultSoftplus()
		return nn.Softplus{Beta: c.float(0, "beta", l.Beta), Threshold: c.float(1, "threshold", l.Threshold)}
	},
	"Softsign": func(moduleCase) any { return nn.Softsign{} },
	"Softshrink": func(c moduleCase) any {
		return nn.Softshrink{Lambda: c.float(0, "lambd", nn.DefaultSoftshrink().Lambda)}
	},
	"Hardshrink": func(c moduleCase) any {
		return nn.Hardshrink{Lambda: c.float(0, "lambd", nn.DefaultHardshrink().Lambda)}
	},
	"Tanhshrink": func(moduleCase) any { return nn.Tanhshrink{} },
	"Threshold": func(c moduleCase) any {
		return nn.Threshold{Threshold: c.float(0, "threshold", 0), Value: c.float(1, "value", 0)}
	},
	"Hardtanh": func(c moduleCase) any {
		l := nn.DefaultHardtanh()
		return nn.Hardtanh{Min: c.float(0, "min_val", l.Min), Max: c.float(1, "max_val", l.Max)}
	},
	"Hardsigmoid": func(moduleCase) any { return nn.Hardsigmoid{} },
	"Hardswish":   func(moduleCase) any { return nn.Hardswish{} },
	"LogSigmoid":  func(moduleCase) any { return nn.LogSigmoid{} },
	"GLU":         func(c moduleCase) any { return nn.GLU{Dim: c.int(0, "dim", nn.DefaultGLU().Dim)} },
	"LogSoftmax":  func(c moduleCase) any { return nn.LogSoftmax{Dim: c.int(0, "dim", 0)} },
	"Softmin":     func(c moduleCase) any { return nn.Softmin{Dim: c.int(0, "dim", 0)} },
	"Softmax2d":   func(moduleCase) any { return nn.Softmax2d{} },
}
