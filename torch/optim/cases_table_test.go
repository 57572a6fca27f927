// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim_test

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/optim"
)

// optimizerRows makes each optimizer of PyTorch from the settings that Python was given. A
// group, if there is one, has the settings of the first and those that it names.
var optimizerRows = map[string]func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer{
	"Adam":  adamCase(optim.DefaultAdam, optim.NewAdam),
	"AdamW": adamCase(optim.DefaultAdamW, optim.NewAdamW),
	"SGD": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultSGD(), optim.NewSGD, func(c optimizerCase, s *optim.SGDConfig) {
			set(c, "lr", &s.LR)
			set(c, "momentum", &s.Momentum)
			set(c, "dampening", &s.Dampening)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "nesterov", &s.Nesterov)
			set(c, "maximize", &s.Maximize)
		})
	},
}

func adamCase(settings func() optim.AdamConfig, make func([]*torch.Tensor, optim.AdamConfig) *optim.Adam) func(optimizerCase, []*torch.Tensor, ...optimizerGroup) optim.Optimizer {
	return func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, settings(), make, func(c optimizerCase, s *optim.AdamConfig) {
			set(c, "lr", &s.LR)
			setPair(c, "betas", &s.Betas)
			set(c, "eps", &s.Eps)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "amsgrad", &s.AMSGrad)
			set(c, "maximize", &s.Maximize)
		})
	}
}

// grouped makes an optimizer and adds the groups. fill changes the settings that a case
// names.
func grouped[C any, O interface {
	optim.Optimizer
	AddGroup(params []*torch.Tensor, c C)
}](c optimizerCase, params []*torch.Tensor, groups []optimizerGroup, settings C, make func([]*torch.Tensor, C) O, fill func(optimizerCase, *C)) O {
	fill(c, &settings)
	o := make(params, settings)
	for _, g := range groups {
		other := settings
		fill(g.optimizerCase, &other)
		o.AddGroup(g.params, other)
	}
	return o
}

// optimizersLeftOut are the optimizers of PyTorch that this package lacks, with the reason.
var optimizersLeftOut = map[string]string{
	"Adadelta": later, "Adafactor": later, "Adagrad": later, "Adamax": later, "ASGD": later, "LBFGS": later,
	"Muon": later, "NAdam": later, "RAdam": later, "RMSprop": later, "Rprop": later,
}

// schedulerRows makes each scheduler by its name and the description of its case.
var schedulerRows = map[string]func(o optim.Optimizer) optim.Scheduler{
	"StepLR: 7, gamma 0.3": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewStepLR(o, optim.StepLRConfig{StepSize: 7, Gamma: 0.3})
	},
}

// schedulersLeftOut are the schedulers of PyTorch that this package lacks, with the reason.
var schedulersLeftOut = map[string]string{
	"LambdaLR": later, "MultiplicativeLR": later, "MultiStepLR": later, "ConstantLR": later, "LinearLR": later,
	"ExponentialLR": later, "CosineAnnealingLR": later, "CosineAnnealingWarmRestarts": later, "CyclicLR": later,
	"OneCycleLR": later, "PolynomialLR": later, "ChainedScheduler": later, "SequentialLR": later, "ReduceLROnPlateau": later,
}

const later = "not written yet"
