// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// StateDict returns what torch.optim.SGD's state_dict() does:
//
//	{"state": {0: {"momentum_buffer"}, …},
//	 "param_groups": [{"lr", "momentum", …, "params": [0, …]}, …]}
func (s *SGD) StateDict() *torch.Dict {
	w := newDictWriter()
	for _, g := range s.groups {
		settings := torch.NewDict(
			"lr", g.LR, "momentum", g.Momentum, "dampening", g.Dampening, "weight_decay", g.WeightDecay,
			"nesterov", g.Nesterov, "maximize", g.Maximize, "foreach", nil, "differentiable", false, "fused", nil)
		w.group(settings, g.extra, len(g.Params), func(i int) *torch.Dict {
			if g.buffers[i] == nil {
				return nil
			}
			return torch.NewDict("momentum_buffer", g.buffers[i].Detach())
		})
	}
	return w.dict
}

// LoadStateDict takes over the state and the settings of d, which may come from
// PyTorch's SGD; see [Adam.LoadStateDict].
func (s *SGD) LoadStateDict(d *torch.Dict) error {
	saved, err := readDict(d, s.params())
	if err != nil {
		return fmt.Errorf("%s: %w", sgdName, err)
	}
	fresh := make([]*SGDGroup, len(s.groups))
	for i, g := range s.groups {
		if fresh[i], err = g.load(saved[i]); err != nil {
			for _, f := range fresh[:i] {
				f.close()
			}
			return fmt.Errorf("%s: group %d: %w", sgdName, i, err)
		}
	}
	for i, g := range s.groups {
		g.close()
		*g = *fresh[i]
	}
	return nil
}

func (g *SGDGroup) load(saved savedGroup) (*SGDGroup, error) {
	f := &SGDGroup{Params: g.Params, SGDConfig: g.SGDConfig, buffers: make([]*torch.Tensor, len(g.Params))}
	r := saved.reader()
	r.number("lr", &f.LR)
	r.number("momentum", &f.Momentum)
	r.number("dampening", &f.Dampening)
	r.number("weight_decay", &f.WeightDecay)
	r.flag("nesterov", &f.Nesterov)
	r.flag("maximize", &f.Maximize)
	r.ignore("foreach", "differentiable", "fused")
	if r.err == nil {
		r.err = torch.Try(f.check)
	}
	if r.err != nil {
		return nil, r.err
	}
	f.extra = r.rest()
	for i, p := range g.Params {
		t := stateReader{param: p, dict: saved.state[i]}
		if t.dict == nil {
			continue
		}
		if v, ok := t.dict.Get("momentum_buffer"); ok && v == nil {
			continue // as PyTorch writes when there is no momentum
		}
		f.buffers[i] = t.like("momentum_buffer")
		if t.err != nil {
			f.close()
			return nil, fmt.Errorf("state of parameter %d: %w", i, t.err)
		}
	}
	return f, nil
}

// close frees the state.
func (g *SGDGroup) close() {
	for _, b := range g.buffers {
		if b != nil {
			b.Close()
		}
	}
}
