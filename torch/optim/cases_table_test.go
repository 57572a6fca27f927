// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim_test

import (
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
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
				for i, x := range torchtest.List(v) {
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
func grouped[C comparable, O interface {
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
	"SWALR: 0.05; 0.3, 10 epochs": func(o optim.Optimizer) optim.Scheduler { return optim.NewSWALR(o, optim.DefaultSWALR(0.05, 0.3)) },
	"SWALR: 0.05, 30 epochs, linear": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewSWALR(o, optim.SWALRConfig{SWALR: []float64{0.05}, AnnealEpochs: 30, AnnealStrategy: "linear"})
	},
	"SWALR: 0.05, at once": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewSWALR(o, optim.SWALRConfig{SWALR: []float64{0.05}, AnnealEpochs: 0, AnnealStrategy: "cos"})
	},
	"LambdaLR: 0.95**n; 1/(n+1)": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewLambdaLR(o, optim.LambdaLRConfig{Lambdas: []func(int) float64{
			func(n int) float64 { return math.Pow(0.95, float64(n)) }, func(n int) float64 { return 1 / float64(n+1) },
		}})
	},
	"MultiplicativeLR: 0.95; 0.9": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewMultiplicativeLR(o, optim.LambdaLRConfig{Lambdas: []func(int) float64{
			func(int) float64 { return 0.95 }, func(int) float64 { return 0.9 },
		}})
	},
	"StepLR: 7, gamma 0.3": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewStepLR(o, optim.StepLRConfig{StepSize: 7, Gamma: 0.3})
	},
	"MultiStepLR: 3, 9, 9, 25, gamma 0.5": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewMultiStepLR(o, optim.MultiStepLRConfig{Milestones: []int{3, 9, 9, 25}, Gamma: 0.5})
	},
	"ConstantLR: factor 0.5, 8": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewConstantLR(o, optim.ConstantLRConfig{Factor: 0.5, TotalIters: 8})
	},
	"LinearLR: 0.25 to 0.8 in 12": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewLinearLR(o, optim.LinearLRConfig{StartFactor: 0.25, EndFactor: 0.8, TotalIters: 12})
	},
	"ExponentialLR: 0.9": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewExponentialLR(o, optim.ExponentialLRConfig{Gamma: 0.9})
	},
	"CosineAnnealingLR: 15, 0.001": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewCosineAnnealingLR(o, optim.CosineAnnealingLRConfig{TMax: 15, EtaMin: 0.001})
	},
	"CosineAnnealingWarmRestarts: 4, 2, 0.001": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewCosineAnnealingWarmRestarts(o, optim.CosineAnnealingWarmRestartsConfig{T0: 4, TMult: 2, EtaMin: 0.001})
	},
	"CosineAnnealingWarmRestarts: 7": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewCosineAnnealingWarmRestarts(o, optim.CosineAnnealingWarmRestartsConfig{T0: 7})
	},
	"CyclicLR: triangular": func(o optim.Optimizer) optim.Scheduler {
		c := optim.DefaultCyclicLR(0.001, 0.1)
		c.StepSizeUp, c.StepSizeDown = 5, 7
		return optim.NewCyclicLR(o, c)
	},
	"CyclicLR: triangular2": func(o optim.Optimizer) optim.Scheduler {
		c := optim.DefaultCyclicLR(0, 0)
		c.BaseLR, c.MaxLR = []float64{0.001, 0.002}, []float64{0.1, 0.2}
		c.StepSizeUp, c.Mode, c.BaseMomentum = 4, "triangular2", []float64{0.7}
		return optim.NewCyclicLR(o, c)
	},
	"CyclicLR: exp_range": func(o optim.Optimizer) optim.Scheduler {
		c := optim.DefaultCyclicLR(0.001, 0.1)
		c.StepSizeUp, c.Mode, c.Gamma, c.CycleMomentum = 5, "exp_range", 0.97, false
		return optim.NewCyclicLR(o, c)
	},
	"OneCycleLR: cos": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewOneCycleLR(o, optim.DefaultOneCycleLR(0.5, 40))
	},
	"OneCycleLR: linear, three phases": func(o optim.Optimizer) optim.Scheduler {
		c := optim.DefaultOneCycleLR(0, 40)
		c.MaxLR, c.PctStart, c.AnnealStrategy = []float64{0.5, 0.2}, 0.25, "linear"
		c.ThreePhase, c.DivFactor, c.FinalDivFactor = true, 10, 100
		return optim.NewOneCycleLR(o, c)
	},
	"PolynomialLR: 20, power 2": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewPolynomialLR(o, optim.PolynomialLRConfig{TotalIters: 20, Power: 2})
	},
	"ChainedScheduler: ConstantLR 0.5, 4; ExponentialLR 0.9": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewChainedScheduler(
			optim.NewConstantLR(o, optim.ConstantLRConfig{Factor: 0.5, TotalIters: 4}), optim.NewExponentialLR(o, optim.ExponentialLRConfig{Gamma: 0.9}))
	},
	"SequentialLR: LinearLR 0.1, 1, 5; CosineAnnealingLR 20 from 5": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewSequentialLR([]optim.Scheduler{
			optim.NewLinearLR(o, optim.LinearLRConfig{StartFactor: 0.1, EndFactor: 1, TotalIters: 5}),
			optim.NewCosineAnnealingLR(o, optim.CosineAnnealingLRConfig{TMax: 20}),
		}, 5)
	},
	"ReduceLROnPlateau: min, 0.5, patience 2": func(o optim.Optimizer) optim.Scheduler {
		c := optim.DefaultReduceLROnPlateau()
		c.Factor, c.Patience = 0.5, 2
		return optim.NewReduceLROnPlateau(o, c)
	},
	"ReduceLROnPlateau: max, abs, cooldown 2": func(o optim.Optimizer) optim.Scheduler {
		return optim.NewReduceLROnPlateau(o, optim.ReduceLROnPlateauConfig{
			Max: true, Factor: 0.3, Patience: 1, Threshold: 0.5, Absolute: true, Cooldown: 2, MinLRs: []float64{0.001, 0.01}, Eps: 1e-8,
		})
	},
}

// schedulersLeftOut are the schedulers of PyTorch that this package lacks, with the reason.
var schedulersLeftOut = map[string]string{}
