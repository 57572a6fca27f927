// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package swa

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// Config holds the settings of an AveragedModel. Its zero value is PyTorch's default.
type Config struct {
	Average    Average // nil for Equal
	UseBuffers bool    // average the buffers too, instead of copying them
}

// AveragedModel holds a network whose parameters are averages of those of another one.
//
// Its state dict is that of torch.optim.swa_utils.AveragedModel: "n_averaged", and the
// network's entries behind "module.".
type AveragedModel[M any] struct {
	NAveraged *torch.Tensor `torch:",buffer"` // how many networks it is of, on the CPU
	Module    M             // for evaluation and export
	Config    Config
}

// NewAveragedModel returns an AveragedModel with a copy of the network m in it.
// The copy lies on m's device; nn.To(a.Module, device) moves it.
func NewAveragedModel[M any](m M, c ...Config) *AveragedModel[M] {
	a := &AveragedModel[M]{Module: nn.Clone(m)}
	if len(c) > 0 {
		a.Config = c[0]
	}
	if a.Config.Average == nil {
		a.Config.Average = Equal
	}
	torch.Unscoped(func() { a.NAveraged = torch.Zeros([]int{}, torch.Options{DType: torch.Int64}) })
	return a
}

// UpdateParameters takes the present values of m, a network like that of NewAveragedModel,
// into the averages. The first call copies them. The host does not wait for the device.
func (a *AveragedModel[M]) UpdateParameters(m M) {
	averages, present := nn.NamedTensors(a.Module), nn.NamedTensors(m)
	check(averages, present)
	n := a.NAveraged.ItemInt()
	torch.NoGrad(func() {
		torch.Scope(func() {
			var groups []*group
			seen := map[*torch.Tensor]bool{}
			for i, to := range averages {
				switch from := present[i].Tensor; {
				case seen[to.Tensor]:
				case n == 0 || to.Buffer && !a.Config.UseBuffers:
					to.Tensor.CopyInPlace(from)
				default:
					groups = add(groups, to.Tensor, from)
				}
				seen[to.Tensor] = true
			}
			for _, g := range groups {
				a.Config.Average(g.averages, g.present, n)
			}
			a.NAveraged.AddScalarInPlace(1)
		})
	})
}

// group holds the tensors of one call of an Average.
type group struct{ averages, present []*torch.Tensor }

func add(groups []*group, average, present *torch.Tensor) []*group {
	i := slices.IndexFunc(groups, func(g *group) bool {
		return g.averages[0].Device() == average.Device() && g.averages[0].DType() == average.DType()
	})
	if i < 0 {
		i, groups = len(groups), append(groups, &group{})
	}
	g := groups[i]
	g.averages, g.present = append(g.averages, average), append(g.present, present.Detach().To(average.Device()))
	return groups
}

// check panics unless two networks have the same tensors.
func check(averages, present []nn.NamedTensor) {
	for i := range max(len(averages), len(present)) {
		if i < min(len(averages), len(present)) {
			a, p := averages[i], present[i]
			if a.Name == p.Name && slices.Equal(a.Tensor.Shape(), p.Tensor.Shape()) {
				continue
			}
		}
		describe := func(ts []nn.NamedTensor) string {
			if i >= len(ts) {
				return "nothing"
			}
			return fmt.Sprintf("%s %v", ts[i].Name, ts[i].Tensor.Shape())
		}
		panic(&torch.Error{Op: "swa.UpdateParameters", Message: fmt.Sprintf(
			"the network differs from the one that is averaged: it has %s where that has %s", describe(present), describe(averages))})
	}
}

// Average moves averages towards the present values. Both lists are of one type and on one
// device; n, at least 1, is how many networks the averages are of.
type Average func(averages, present []*torch.Tensor, n int)

// Equal gives each network the same weight, w = w + (present - w)/(n + 1). From "Averaging
// weights leads to wider optima and better generalization", Izmailov et al., 2018.
func Equal(averages, present []*torch.Tensor, n int) {
	if mixes(averages) {
		lerp(averages, present, 1/float64(n+1))
		return
	}
	for i, a := range averages {
		a.CopyInPlace(a.Add(present[i].Sub(a).DivScalar(n + 1)))
	}
}

// EMA returns the exponential moving average w = decay·w + (1 - decay)·present. It panics
// unless decay is from 0 to 1. PyTorch's default is 0.999.
func EMA(decay float64) Average {
	if !(decay >= 0 && decay <= 1) {
		panic(&torch.Error{Op: "swa.EMA", Message: fmt.Sprintf("the decay is %v; it must be from 0 to 1", decay)})
	}
	return func(averages, present []*torch.Tensor, _ int) {
		if mixes(averages) {
			lerp(averages, present, 1-decay)
			return
		}
		for i, a := range averages {
			a.CopyInPlace(a.MulScalar(decay).Add(present[i].MulScalar(1 - decay)))
		}
	}
}

// mixes reports whether the type has numbers between two others.
func mixes(ts []*torch.Tensor) bool { return ts[0].DType().IsFloating() || ts[0].DType().IsComplex() }

func lerp(averages, present []*torch.Tensor, weight float64) {
	torch.Call("aten::_foreach_lerp_.Scalar", averages, present, weight)
}
