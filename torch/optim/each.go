// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "github.com/etude-ml/etude/torch"

// each makes the update of a rule that has no fused kernel: it calls f for one parameter
// after the other, with its gradient, turned round to climb, and its state by slot.
func each[C any](maximize func(c *C) bool, f func(c *C, p, g *torch.Tensor, state []*torch.Tensor)) func(*C, *update) {
	return func(c *C, u *update) {
		state := make([]*torch.Tensor, len(u.state))
		for i, p := range u.params {
			g := u.grads[i]
			if maximize(c) {
				g = g.Neg()
			}
			for j, values := range u.state {
				state[j] = nil
				if len(values) > 0 {
					state[j] = values[i]
				}
			}
			f(c, p, g, state)
		}
	}
}

// counter is the slot that counts the steps of a parameter for Go.
func counter[C any]() slot[C] { return slot[C]{key: "step", scalar: true, host: true} }

// count adds one to a counter and returns it.
func count(step *torch.Tensor) float64 { return step.AddScalarInPlace(1).Item() }

// decayed returns g + decay·p.
func decayed(g, p *torch.Tensor, decay float64) *torch.Tensor {
	if decay == 0 {
		return g
	}
	return g.Clone().AddScaledInPlace(p, decay)
}
