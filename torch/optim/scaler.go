// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// GradScalerConfig holds the settings of a GradScaler. Start from [DefaultGradScaler].
type GradScalerConfig struct {
	InitScale      float64 // the first scale
	GrowthFactor   float64 // of the scale after GrowthInterval steps without overflow; above 1
	BackoffFactor  float64 // of the scale after an overflow; below 1
	GrowthInterval int     // steps in a row
	Enabled        bool    // false makes every method pass through, and Step a plain step
}

// DefaultGradScaler returns PyTorch's settings: a scale of 65536, which doubles after 2000
// steps and is halved by an overflow.
func DefaultGradScaler() GradScalerConfig {
	return GradScalerConfig{InitScale: 1 << 16, GrowthFactor: 2, BackoffFactor: 0.5, GrowthInterval: 2000, Enabled: true}
}

// GradScaler multiplies losses, so that gradients are not too small for float16, divides
// the gradients by the same factor before the optimizer takes them, and leaves out steps in
// which one is not finite. The factor follows: it falls after such a step and grows
// after many others. From "Mixed precision training", Micikevicius et al., 2018; as
// torch.amp.GradScaler.
//
//	scaler := optim.NewGradScaler(optim.DefaultGradScaler())
//	for batch := range batches {
//		opt.ZeroGrad()
//		var loss *torch.Tensor
//		torch.Autocast(device, torch.Float16, func() { loss = nn.MSELoss(model.Forward(batch.X), batch.Y) })
//		scaler.Scale(loss).Backward()
//		scaler.Unscale(opt) // only to look at the gradients or to clip them
//		optim.ClipGradNorm(opt.Parameters(), 1, 2)
//		scaler.Step(opt)
//		scaler.Update()
//	}
//
// Its state dict is PyTorch's: "scale", "growth_factor", "backoff_factor",
// "growth_interval" and "_growth_tracker", the number of steps in a row.
type GradScaler struct {
	Config GradScalerConfig // may be changed between steps, except for Enabled

	scale, tracker *torch.Tensor // on the device of the first loss, nil before it
	steps          int           // the tracker's value before that
	optimizers     []*unscaling  // since the last Update
}

// unscaling is where the gradients of an optimizer stand.
type unscaling struct {
	optimizer Optimizer
	stage     int
	found     []*torch.Tensor // by device: 1 if a gradient was not finite, else 0
}

const (
	ready = iota
	unscaled
	stepped
)

// NewGradScaler returns a GradScaler. It panics where the GrowthFactor is not above 1 or the
// BackoffFactor not below it.
func NewGradScaler(c GradScalerConfig) *GradScaler {
	started("optim.GradScaler", c == GradScalerConfig{})
	s := &GradScaler{Config: c}
	if c.Enabled {
		s.check()
	}
	return s
}

func (s *GradScaler) check() {
	const name = "optim.GradScaler"
	c := s.Config
	must(name, c.GrowthFactor > 1, "GrowthFactor is %v; it must be above 1", c.GrowthFactor)
	must(name, c.BackoffFactor < 1, "BackoffFactor is %v; it must be below 1", c.BackoffFactor)
	notNegative(name, "InitScale", c.InitScale)
	atLeast1(name, "GrowthInterval", c.GrowthInterval)
}

// Scale returns loss times the scale, for Backward. The first call decides on which device
// the scale lies.
func (s *GradScaler) Scale(loss *torch.Tensor) *torch.Tensor {
	if !s.Config.Enabled {
		return loss
	}
	if s.scale == nil {
		o := torch.Options{Device: loss.Device()}
		torch.Unscoped(func() {
			s.scale = torch.Full([]int{}, s.Config.InitScale, o)
			o.DType = torch.Int32
			s.tracker = torch.Full([]int{}, s.steps, o)
		})
	}
	return loss.Mul(s.scale.To(loss.Device()))
}

// of returns where the gradients of o stand.
func (s *GradScaler) of(method string, o Optimizer) *unscaling {
	must("optim.GradScaler."+method, s.scale != nil, "no loss was scaled yet: call Scale(loss).Backward() first")
	i := slices.IndexFunc(s.optimizers, func(u *unscaling) bool { return u.optimizer == o })
	if i < 0 {
		i, s.optimizers = len(s.optimizers), append(s.optimizers, &unscaling{optimizer: o})
	}
	return s.optimizers[i]
}

// on returns where an overflow on a device is noted.
func (u *unscaling) on(d torch.Device) *torch.Tensor {
	for _, f := range u.found {
		if f.Device() == d {
			return f
		}
	}
	var f *torch.Tensor
	torch.Unscoped(func() { f = torch.Zeros([]int{}, torch.Options{Device: d}) })
	u.found = append(u.found, f)
	return f
}

// Unscale divides the gradients of o's parameters by the scale, in place, and notes whether
// all are finite. Step does so itself where it was not done before; call it to look at the
// gradients or to clip them. The host does not wait. It panics on a second call before
// Update, and on gradients in float16: the parameters have to be in float32.
func (s *GradScaler) Unscale(o Optimizer) {
	if !s.Config.Enabled {
		return
	}
	const name = "optim.GradScaler.Unscale"
	u := s.of("Unscale", o)
	switch u.stage {
	case unscaled:
		throw(name, "the gradients of this optimizer are unscaled already; call Update once for each step")
	case stepped:
		throw(name, "the step of this optimizer was taken already; call Unscale before Step")
	}
	step(func() {
		lists := byKind(gradsOf(o.Parameters()))
		for _, grads := range lists {
			must(name, grads[0].DType() != torch.Float16, "there are gradients in float16; keep the parameters in float32 and compute in torch.Autocast")
		}
		inverse := s.scale.ToDType(torch.Float64).Reciprocal().ToDType(torch.Float32)
		for _, grads := range lists {
			d := grads[0].Device()
			torch.Call("aten::_amp_foreach_non_finite_check_and_unscale_", grads, u.on(d), inverse.To(d))
		}
	})
	u.stage = unscaled
}

// FoundInf returns 1 if a gradient of o was not finite at Unscale, so that Step leaves the
// step out, and else 0: a float32 on the device of the first gradient, until Update. It
// panics before Unscale, and if scaling is not enabled.
func (s *GradScaler) FoundInf(o Optimizer) *torch.Tensor {
	u := s.of("FoundInf", o)
	must("optim.GradScaler.FoundInf", len(u.found) > 0, "the gradients of this optimizer were not unscaled yet: call Unscale first")
	return anyOf(u.found)
}

// anyOf returns a number above 0 if one of the list is.
func anyOf(found []*torch.Tensor) *torch.Tensor {
	sum := found[0]
	for _, f := range found[1:] {
		sum = sum.Maximum(f.To(sum.Device()))
	}
	return sum
}

// Step unscales the gradients unless that was done, and takes o's step if all of them are
// finite. The kernels of Adam, AdamW and SGD without dampening leave the step out themselves
// if o is on one device; for other optimizers the host waits for the device. It panics on a
// second call before Update, and where no parameter has a gradient.
func (s *GradScaler) Step(o Optimizer) {
	if !s.Config.Enabled {
		o.Step()
		return
	}
	u := s.of("Step", o)
	must("optim.GradScaler.Step", u.stage != stepped, "the step of this optimizer was taken already; call Update once for each step")
	if u.stage == ready {
		s.Unscale(o)
	}
	must("optim.GradScaler.Step", len(u.found) > 0, "no parameter of the optimizer has a gradient: call Scale(loss).Backward() first")
	fused, ok := o.(scalable)
	switch {
	case ok && len(u.found) == 1 && fused.leavesOut():
		fused.stepUnless(u.found[0])
	case !slices.ContainsFunc(u.found, func(f *torch.Tensor) bool { return f.Item() != 0 }):
		o.Step()
	}
	u.stage = stepped
}

// Update changes the scale after the steps of all optimizers, or sets it to a number that
// is given. The host does not wait. It panics where no gradients were looked at.
func (s *GradScaler) Update(scale ...float64) {
	if !s.Config.Enabled {
		return
	}
	var found []*torch.Tensor
	for _, u := range s.optimizers {
		found = append(found, u.found...)
	}
	switch {
	case s.scale == nil:
		throw("optim.GradScaler.Update", "no loss was scaled yet: call Scale(loss).Backward() first")
	case len(scale) > 0:
		s.scale.FillInPlace(scale[0])
	case len(found) == 0:
		throw("optim.GradScaler.Update", "no gradients were unscaled since the last Update: call Step first")
	default:
		s.check()
		step(func() {
			torch.Call("aten::_amp_update_scale_", s.scale, s.tracker, anyOf(found).To(s.scale.Device()), s.Config.GrowthFactor, s.Config.BackoffFactor, s.Config.GrowthInterval)
		})
	}
	for _, f := range found {
		f.Close()
	}
	s.optimizers = nil
}

// GetScale returns the scale, for which the host waits; 1 if scaling is not enabled.
func (s *GradScaler) GetScale() float64 {
	switch {
	case !s.Config.Enabled:
		return 1
	case s.scale == nil:
		return s.Config.InitScale
	}
	return s.scale.Item()
}

// StateDict returns the state in PyTorch's layout, an empty one if scaling is not enabled.
// Call it after Update.
func (s *GradScaler) StateDict() *torch.Dict {
	if !s.Config.Enabled {
		return torch.NewDict()
	}
	steps := s.steps
	if s.tracker != nil {
		steps = s.tracker.ItemInt()
	}
	scale := s.GetScale()
	return written(s.Config.settings(&scale, &steps))
}

func (c *GradScalerConfig) settings(scale *float64, steps *int) []setting {
	return []setting{
		{"scale", scale}, {"growth_factor", &c.GrowthFactor}, {"backoff_factor", &c.BackoffFactor},
		{"growth_interval", &c.GrowthInterval}, {"_growth_tracker", steps},
	}
}

// LoadStateDict takes over what StateDict, or PyTorch's, returned; nothing if scaling is not
// enabled. After an error the scaler is as it was.
func (s *GradScaler) LoadStateDict(d *torch.Dict) error {
	if !s.Config.Enabled {
		return nil
	}
	if d != nil && d.Len() == 0 {
		return errors.New("optim.GradScaler: the state dict is empty; it is that of a scaler that was not enabled")
	}
	fresh := GradScaler{Config: s.Config}
	if err := readAll("GradScaler", d, fresh.Config.settings(&fresh.Config.InitScale, &fresh.steps), fresh.check); err != nil {
		return err
	}
	s.Config, s.steps = fresh.Config, fresh.steps
	if s.scale != nil {
		s.scale.FillInPlace(s.Config.InitScale)
		s.tracker.FillInPlace(s.steps)
	}
	return nil
}

// String names the scaler and its settings.
func (s *GradScaler) String() string { return fmt.Sprintf("GradScaler%+v", s.Config) }
