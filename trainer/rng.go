// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// forkRNG calls f with copies of the random generators, also of the device's.
func (s *session) forkRNG(f func()) {
	torch.ForkRNG(func() {
		torch.RNGState(s.Train.Device()).Close() // which copies it now
		f()
	})
}

// rng is the state of the random generators.
func (s *session) rng() *torch.Dict {
	d := torch.NewDict("cpu", torch.RNGState(torch.CPU))
	for i := range torch.DeviceCount(torch.DeviceCUDA) {
		d.Set(torch.CUDA(i).String(), torch.RNGState(torch.CUDA(i)))
	}
	if own := s.Train.Device(); own.Type != torch.DeviceCPU && own.Type != torch.DeviceCUDA {
		d.Set(own.String(), torch.RNGState(own))
	}
	return d
}

// setRNG restores the generators of the devices that are here.
func setRNG(d *torch.Dict) error {
	for name, v := range d.All() {
		state, ok := v.(*torch.Tensor)
		text, isText := name.(string)
		if !ok || !isText {
			return fmt.Errorf("rng: %v holds %T, not a tensor", name, v)
		}
		device, err := torch.ParseDevice(text)
		if err != nil || torch.CheckDevice(device) != nil {
			continue // continued on another device, which has draws of its own
		}
		if err := torch.Try(func() { torch.SetRNGState(device, state) }); err != nil {
			return fmt.Errorf("rng: %w", err)
		}
	}
	return nil
}
