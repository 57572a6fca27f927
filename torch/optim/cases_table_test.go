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
	"Adadelta": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultAdadelta(), optim.NewAdadelta, func(c optimizerCase, s *optim.AdadeltaConfig) {
			set(c, "lr", &s.LR)
			set(c, "rho", &s.Rho)
			set(c, "eps", &s.Eps)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "maximize", &s.Maximize)
		})
	},
	"Adafactor": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultAdafactor(), optim.NewAdafactor, func(c optimizerCase, s *optim.AdafactorConfig) {
			set(c, "lr", &s.LR)
			set(c, "beta2_decay", &s.Beta2Decay)
			set(c, "d", &s.D)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "maximize", &s.Maximize)
		})
	},
	"Adagrad": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultAdagrad(), optim.NewAdagrad, func(c optimizerCase, s *optim.AdagradConfig) {
			set(c, "lr", &s.LR)
			set(c, "lr_decay", &s.LRDecay)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "initial_accumulator_value", &s.InitialAccumulatorValue)
			set(c, "eps", &s.Eps)
			set(c, "maximize", &s.Maximize)
		})
	},
	"Adamax": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultAdamax(), optim.NewAdamax, func(c optimizerCase, s *optim.AdamaxConfig) {
			set(c, "lr", &s.LR)
			setPair(c, "betas", &s.Betas)
			set(c, "eps", &s.Eps)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "maximize", &s.Maximize)
		})
	},
	"ASGD": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultASGD(), optim.NewASGD, func(c optimizerCase, s *optim.ASGDConfig) {
			set(c, "lr", &s.LR)
			set(c, "lambd", &s.Lambd)
			set(c, "alpha", &s.Alpha)
			set(c, "t0", &s.T0)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "maximize", &s.Maximize)
		})
	},
	"LBFGS": func(c optimizerCase, params []*torch.Tensor, _ ...optimizerGroup) optim.Optimizer {
		s := optim.DefaultLBFGS()
		set(c, "lr", &s.LR)
		set(c, "max_iter", &s.MaxIter)
		s.MaxEval = s.MaxIter * 5 / 4
		set(c, "tolerance_grad", &s.ToleranceGrad)
		set(c, "line_search_fn", &s.LineSearch)
		set(c, "maximize", &s.Maximize)
		return optim.NewLBFGS(params, s)
	},
	"Muon": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultMuon(), optim.NewMuon, func(c optimizerCase, s *optim.MuonConfig) {
			set(c, "lr", &s.LR)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "momentum", &s.Momentum)
			set(c, "ns_steps", &s.NSSteps)
			set(c, "adjust_lr_fn", &s.AdjustLR)
			if v, ok := c.named.Get("ns_coefficients"); ok {
				for i, x := range list(v) {
					s.NSCoefficients[i] = float(x)
				}
			}
		})
	},
	"NAdam": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultNAdam(), optim.NewNAdam, func(c optimizerCase, s *optim.NAdamConfig) {
			set(c, "lr", &s.LR)
			setPair(c, "betas", &s.Betas)
			set(c, "eps", &s.Eps)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "momentum_decay", &s.MomentumDecay)
			set(c, "decoupled_weight_decay", &s.DecoupledWeightDecay)
			set(c, "maximize", &s.Maximize)
		})
	},
	"RAdam": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultRAdam(), optim.NewRAdam, func(c optimizerCase, s *optim.RAdamConfig) {
			set(c, "lr", &s.LR)
			setPair(c, "betas", &s.Betas)
			set(c, "eps", &s.Eps)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "decoupled_weight_decay", &s.DecoupledWeightDecay)
			set(c, "maximize", &s.Maximize)
		})
	},
	"RMSprop": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultRMSprop(), optim.NewRMSprop, func(c optimizerCase, s *optim.RMSpropConfig) {
			set(c, "lr", &s.LR)
			set(c, "alpha", &s.Alpha)
			set(c, "eps", &s.Eps)
			set(c, "weight_decay", &s.WeightDecay)
			set(c, "momentum", &s.Momentum)
			set(c, "centered", &s.Centered)
			set(c, "maximize", &s.Maximize)
		})
	},
	"Rprop": func(c optimizerCase, params []*torch.Tensor, groups ...optimizerGroup) optim.Optimizer {
		return grouped(c, params, groups, optim.DefaultRprop(), optim.NewRprop, func(c optimizerCase, s *optim.RpropConfig) {
			set(c, "lr", &s.LR)
			setPair(c, "etas", &s.Etas)
			setPair(c, "step_sizes", &s.StepSizes)
			set(c, "maximize", &s.Maximize)
		})
	},
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
var optimizersLeftOut = map[string]string{}

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
