// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// StateDict returns what torch.optim.Adam's state_dict() does, or of
// NewAdamW torch.optim.AdamW's:
//
//	{"state": {0: {"step", "exp_avg", "exp_avg_sq"[, "max_exp_avg_sq"]}, …},
//	 "param_groups": [{"lr", "betas", …, "params": [0, …]}, …]}
func (a *Adam) StateDict() *torch.Dict {
	w := newDictWriter()
	for _, g := range a.groups {
		settings := torch.NewDict(
			"lr", g.LR, "betas", torch.Tuple{g.Betas[0], g.Betas[1]}, "eps", g.Eps,
			"weight_decay", g.WeightDecay, "amsgrad", g.AMSGrad, "maximize", g.Maximize,
			"foreach", nil, "capturable", false, "differentiable", false, "fused", nil,
			"decoupled_weight_decay", a.decoupled())
		w.group(settings, g.extra, len(g.Params), func(i int) *torch.Dict {
			s := &g.state[i]
			if s.step == nil {
				return nil
			}
			d := torch.NewDict("step", s.step.Detach(), "exp_avg", s.mean.Detach(), "exp_avg_sq", s.square.Detach())
			if s.maxSquare != nil {
				d.Set("max_exp_avg_sq", s.maxSquare.Detach())
			}
			return d
		})
	}
	return w.dict
}

// LoadStateDict takes over the state and the settings of d, which may come from
// PyTorch's Adam or AdamW, fused or not. The number and the sizes of the groups,
// and the shapes, must be this optimizer's. Settings that d lacks stay as they
// are; keys of a group that are not known here are kept and given back.
func (a *Adam) LoadStateDict(d *torch.Dict) error {
	saved, err := readDict(d, a.params())
	if err != nil {
		return fmt.Errorf("%s: %w", a.name, err)
	}
	fresh := make([]*AdamGroup, len(a.groups))
	for i, g := range a.groups {
		if fresh[i], err = a.loadGroup(g, saved[i]); err != nil {
			for _, f := range fresh[:i] {
				f.close()
			}
			return fmt.Errorf("%s: group %d: %w", a.name, i, err)
		}
	}
	for i, g := range a.groups {
		g.close()
		*g = *fresh[i]
	}
	return nil
}

func (a *Adam) loadGroup(g *AdamGroup, saved savedGroup) (*AdamGroup, error) {
	f := &AdamGroup{Params: g.Params, AdamConfig: g.AdamConfig, state: make([]adamState, len(g.Params))}
	decoupled := a.decoupled()
	r := saved.reader()
	r.number("lr", &f.LR)
	r.pair("betas", &f.Betas)
	r.number("eps", &f.Eps)
	r.number("weight_decay", &f.WeightDecay)
	r.flag("amsgrad", &f.AMSGrad)
	r.flag("maximize", &f.Maximize)
	r.ignore("foreach", "capturable", "differentiable", "fused")
	r.flag("decoupled_weight_decay", &decoupled)
	if r.err == nil && decoupled != a.decoupled() {
		r.err = fmt.Errorf("decoupled_weight_decay is %v: the state is that of the other of Adam and AdamW", decoupled)
	}
	if r.err == nil {
		r.err = torch.Try(func() { f.check(a.name) })
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
		s := &f.state[i]
		s.step, s.mean, s.square = t.count("step"), t.like("exp_avg"), t.like("exp_avg_sq")
		if _, ok := t.dict.Get("max_exp_avg_sq"); ok {
			s.maxSquare = t.like("max_exp_avg_sq")
		}
		if t.err != nil {
			f.close()
			return nil, fmt.Errorf("state of parameter %d: %w", i, t.err)
		}
	}
	return f, nil
}

// close frees the state.
func (g *AdamGroup) close() {
	for _, s := range g.state {
		for _, t := range []*torch.Tensor{s.step, s.mean, s.square, s.maxSquare} {
			if t != nil {
				t.Close()
			}
		}
	}
}
