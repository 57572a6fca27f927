// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"cmp"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// CyclicLRConfig holds the settings of a CyclicLR. Start from [DefaultCyclicLR]. A list
// has one entry for all groups of parameters, or one for each.
type CyclicLRConfig struct {
	BaseLR, MaxLR             []float64 // the lowest and the highest learning rate
	StepSizeUp                int       // steps from the lowest to the highest
	StepSizeDown              int       // steps back; 0 stands for StepSizeUp
	Mode                      string    // "triangular", "triangular2", which halves each cycle, or "exp_range"
	Gamma                     float64   // of exp_range: the height is multiplied by Gamma every step
	CycleMomentum             bool      // move the momentum, or the first of Betas, against the rate
	BaseMomentum, MaxMomentum []float64

	beta1 bool // the momentum is the first of Betas
}

// DefaultCyclicLR returns the settings of PyTorch's CyclicLR: 2000 steps up and as many
// down, triangular, with the momentum from 0.8 to 0.9.
func DefaultCyclicLR(baseLR, maxLR float64) CyclicLRConfig {
	return CyclicLRConfig{
		BaseLR: []float64{baseLR}, MaxLR: []float64{maxLR}, StepSizeUp: 2000, Mode: "triangular", Gamma: 1,
		CycleMomentum: true, BaseMomentum: []float64{0.8}, MaxMomentum: []float64{0.9},
	}
}

// CyclicLR lets the learning rates rise and fall between two bounds. Call Step after each
// batch. From "Cyclical learning rates for training neural networks", Smith, 2017.
type CyclicLR struct{ schedule[CyclicLRConfig] }

// NewCyclicLR returns a CyclicLR for o. It panics on a CycleMomentum for an optimizer
// without momentum.
func NewCyclicLR(o Optimizer, c CyclicLRConfig) *CyclicLR {
	const name = "optim.CyclicLR"
	c.BaseLR, c.MaxLR = forGroups(name, "BaseLR", o, c.BaseLR), forGroups(name, "MaxLR", o, c.MaxLR)
	c.StepSizeDown = cmp.Or(c.StepSizeDown, c.StepSizeUp)
	c.beta1 = cycleMomentum(name, o, c.CycleMomentum, &c.BaseMomentum, &c.MaxMomentum)
	cyclicLR.check(&c)
	for i, r := range ratesOf(o) {
		r.set(c.BaseLR[i])
		r.extra.Set("initial_lr", c.BaseLR[i])
	}
	return &CyclicLR{newSchedule(&cyclicLR, o, c)}
}

// cycleMomentum prepares the bounds of the momentum of each group, leaves them in the
// groups as PyTorch does, and reports whether the momentum is the first of Betas.
func cycleMomentum(name string, o Optimizer, on bool, base, most *[]float64) (beta1 bool) {
	if !on {
		*base, *most = nil, nil
		return false
	}
	*base, *most = forGroups(name, "BaseMomentum", o, *base), forGroups(name, "MaxMomentum", o, *most)
	for i, r := range ratesOf(o) {
		must(name, r.momentum != nil, "the optimizer has no momentum; set CycleMomentum to false")
		r.extra.Set("max_momentum", (*most)[i])
		r.extra.Set("base_momentum", (*base)[i])
		beta1 = r.beta1
	}
	return beta1
}

// height returns where a cycle stands, from 0 at the lowest rate to 1, times the height of
// the cycle.
func (c *CyclicLRConfig) height(epoch int) float64 {
	total := float64(c.StepSizeUp + c.StepSizeDown)
	ratio, at := float64(c.StepSizeUp)/total, float64(epoch)/total
	cycle := math.Floor(1 + at)
	x := 1 + at - cycle
	if x <= ratio {
		x /= ratio
	} else {
		x = (x - 1) / (ratio - 1)
	}
	switch c.Mode {
	case "triangular2":
		return x / math.Pow(2, cycle-1)
	case "exp_range":
		return x * math.Pow(c.Gamma, float64(epoch))
	}
	return x
}

var cyclicLR = curve[CyclicLRConfig]{
	name: "CyclicLR",
	settings: func(c *CyclicLRConfig) []setting {
		up, total, scale := float64(c.StepSizeUp), float64(c.StepSizeUp+c.StepSizeDown), "cycle"
		if c.Mode == "exp_range" {
			scale = "iterations"
		}
		const other = "the schedule was made with other step sizes"
		list := []setting{
			{"max_lrs", &c.MaxLR}, {"total_size", fixed{total, other}}, {"step_ratio", fixed{up / total, other}}, {"mode", word{&c.Mode}},
			{"gamma", &c.Gamma}, {"scale_mode", scale}, {"cycle_momentum", &c.CycleMomentum}, {"_scale_fn_custom", nil},
		}
		if c.CycleMomentum {
			list = append(list, setting{"base_momentums", &c.BaseMomentum}, setting{"max_momentums", &c.MaxMomentum}, setting{"use_beta1", c.beta1})
		}
		return list
	},
	check: func(c *CyclicLRConfig) {
		atLeast1("optim.CyclicLR", "StepSizeUp", c.StepSizeUp)
		atLeast1("optim.CyclicLR", "StepSizeDown", c.StepSizeDown)
		if modes := []string{"triangular", "triangular2", "exp_range"}; !slices.Contains(modes, c.Mode) {
			throw("optim.CyclicLR", "Mode is %q; it must be one of %q", c.Mode, modes)
		}
	},
	starts: true,
	rate: func(c *CyclicLRConfig, m moment, _ float64) float64 {
		return m.base + (c.MaxLR[m.group]-m.base)*c.height(m.epoch)
	},
	momentum: func(c *CyclicLRConfig, m moment) (float64, bool) {
		if !c.CycleMomentum {
			return 0, false
		}
		most := c.MaxMomentum[m.group]
		return most - (most-c.BaseMomentum[m.group])*c.height(m.epoch), true
	},
}

// OneCycleLRConfig holds the settings of a OneCycleLR. Start from [DefaultOneCycleLR]. A
// list has one entry for all groups of parameters, or one for each.
type OneCycleLRConfig struct {
	MaxLR                     []float64 // the highest learning rate
	TotalSteps                int       // steps of the whole training
	PctStart                  float64   // the share of the steps in which the rate rises
	AnnealStrategy            string    // "cos" or "linear"
	CycleMomentum             bool      // move the momentum, or the first of Betas, against the rate
	BaseMomentum, MaxMomentum []float64
	DivFactor                 float64 // the highest rate divided by the first
	FinalDivFactor            float64 // the first rate divided by the last
	ThreePhase                bool    // fall as fast as it rises, and then to the last rate

	beta1 bool // the momentum is the first of Betas
}

// DefaultOneCycleLR returns the settings of PyTorch's OneCycleLR: 30 % of the steps up
// along a cosine, from a 25th of maxLR, and down to a 10,000th of that, with the momentum
// from 0.85 to 0.95.
func DefaultOneCycleLR(maxLR float64, totalSteps int) OneCycleLRConfig {
	return OneCycleLRConfig{
		MaxLR: []float64{maxLR}, TotalSteps: totalSteps, PctStart: 0.3, AnnealStrategy: "cos", CycleMomentum: true,
		BaseMomentum: []float64{0.85}, MaxMomentum: []float64{0.95}, DivFactor: 25, FinalDivFactor: 1e4,
	}
}

// OneCycleLR lets the learning rates rise once and fall far below where they began. Call
// Step after each batch; more than TotalSteps of them panic. From "Super-convergence: very
// fast training of neural networks using large learning rates", Smith and Topin, 2018.
type OneCycleLR struct{ schedule[OneCycleLRConfig] }

// NewOneCycleLR returns a OneCycleLR for o. It panics on a CycleMomentum for an optimizer
// without momentum.
func NewOneCycleLR(o Optimizer, c OneCycleLRConfig) *OneCycleLR {
	const name = "optim.OneCycleLR"
	c.MaxLR = forGroups(name, "MaxLR", o, c.MaxLR)
	c.beta1 = cycleMomentum(name, o, c.CycleMomentum, &c.BaseMomentum, &c.MaxMomentum)
	oneCycleLR.check(&c)
	for i, r := range ratesOf(o) {
		first := c.MaxLR[i] / c.DivFactor
		r.extra.Set("initial_lr", first)
		r.extra.Set("max_lr", c.MaxLR[i])
		r.extra.Set("min_lr", first/c.FinalDivFactor)
	}
	return &OneCycleLR{newSchedule(&oneCycleLR, o, c)}
}

// phase is a part of the cycle. The names of its ends are those of PyTorch's groups.
type phase struct {
	end                  float64 // step
	fromLR, toLR         string
	fromMomentum, toward string
}

func (c *OneCycleLRConfig) phases() []phase {
	n := float64(c.TotalSteps)
	last := phase{n - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"}
	up := phase{c.PctStart*n - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum"}
	if !c.ThreePhase {
		return []phase{up, last}
	}
	last.fromLR, last.fromMomentum = "initial_lr", "max_momentum"
	return []phase{up, {2*c.PctStart*n - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"}, last}
}

// at returns the phase of a step, and the value between its two ends that belongs to the
// step.
func (c *OneCycleLRConfig) at(epoch int, ends func(p phase) (from, to float64)) float64 {
	phases, start, step := c.phases(), 0.0, float64(epoch)
	i := 0
	for ; i < len(phases)-1 && step > phases[i].end; i++ {
		start = phases[i].end
	}
	share := (step - start) / (phases[i].end - start)
	from, to := ends(phases[i])
	if c.AnnealStrategy == "linear" {
		return (to-from)*share + from
	}
	return to + (from-to)/2*(math.Cos(math.Pi*share)+1)
}

var oneCycleLR = curve[OneCycleLRConfig]{
	name: "OneCycleLR",
	settings: func(c *OneCycleLRConfig) []setting {
		var phases []any
		for i, p := range c.phases() {
			var end any = p.end
			if i == len(c.phases())-1 {
				end = c.TotalSteps - 1
			}
			phases = append(phases, torch.NewDict("end_step", end, "start_lr", p.fromLR, "end_lr", p.toLR,
				"start_momentum", p.fromMomentum, "end_momentum", p.toward))
		}
		list := []setting{
			{"total_steps", &c.TotalSteps}, {"_schedule_phases", phases}, {"_anneal_func_type", word{&c.AnnealStrategy}},
			{"cycle_momentum", &c.CycleMomentum},
		}
		if c.CycleMomentum {
			list = append(list, setting{"use_beta1", c.beta1})
		}
		return list
	},
	check: func(c *OneCycleLRConfig) {
		const name = "optim.OneCycleLR"
		atLeast1(name, "TotalSteps", c.TotalSteps)
		must(name, c.PctStart >= 0 && c.PctStart <= 1, "PctStart is %v; it must be from 0 to 1", c.PctStart)
		must(name, c.AnnealStrategy == "cos" || c.AnnealStrategy == "linear", "AnnealStrategy is %q; it must be cos or linear: start from optim.DefaultOneCycleLR(maxLR, totalSteps)", c.AnnealStrategy)
		must(name, c.DivFactor > 0 && c.FinalDivFactor > 0, "DivFactor is %v and FinalDivFactor %v; both must be above 0", c.DivFactor, c.FinalDivFactor)
	},
	starts: true,
	rate: func(c *OneCycleLRConfig, m moment, _ float64) float64 {
		must("optim.OneCycleLR", m.epoch <= c.TotalSteps, "step %d of a schedule of %d; set TotalSteps to the number of all batches", m.epoch, c.TotalSteps)
		rates := map[string]float64{"initial_lr": m.base, "max_lr": c.MaxLR[m.group], "min_lr": m.base / c.FinalDivFactor}
		return c.at(m.epoch, func(p phase) (from, to float64) { return rates[p.fromLR], rates[p.toLR] })
	},
	momentum: func(c *OneCycleLRConfig, m moment) (float64, bool) {
		if !c.CycleMomentum {
			return 0, false
		}
		momenta := map[string]float64{"base_momentum": c.BaseMomentum[m.group], "max_momentum": c.MaxMomentum[m.group]}
		return c.at(m.epoch, func(p phase) (from, to float64) { return momenta[p.fromMomentum], momenta[p.toward] }), true
	},
}
