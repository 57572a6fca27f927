// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import "github.com/etude-ml/etude/torch"

// adamState is what Adam remembers of one parameter, nothing before its first step.
type adamState struct {
	step      *torch.Tensor // steps taken: float32, no dimensions, on the parameter's device
	mean      *torch.Tensor
	square    *torch.Tensor
	maxSquare *torch.Tensor // AMSGrad only
	lists     *adamLists    // of the parameter's kind
}

// adamLists are the arguments of one fused call. They are kept, so that a step
// allocates next to nothing.
type adamLists struct {
	kind                                              kind
	params, grads, means, squares, maxSquares, counts []*torch.Tensor
	settings                                          torch.Named
}

func (g *AdamGroup) step(op string) {
	for _, l := range g.lists {
		l.clear()
	}
	for i, p := range g.Params {
		grad := p.Grad()
		if grad == nil {
			continue
		}
		s := &g.state[i]
		if s.step == nil {
			s.step = newCount(p)
			s.mean, s.square = zerosLike(p), zerosLike(p)
		}
		if s.lists == nil {
			s.lists = g.listsOf(kindOf(p))
		}
		l := s.lists
		if g.AMSGrad {
			if s.maxSquare == nil {
				s.maxSquare = zerosLike(p)
			}
			l.maxSquares = append(l.maxSquares, s.maxSquare)
		}
		l.params, l.grads = append(l.params, p), append(l.grads, grad)
		l.means, l.squares = append(l.means, s.mean), append(l.squares, s.square)
		l.counts = append(l.counts, s.step)
	}
	for _, l := range g.lists {
		if len(l.params) > 0 {
			l.call(op, &g.AdamConfig)
		}
	}
}

// newCount returns a zero for the steps of p, where the fused kernels want it.
func newCount(p *torch.Tensor) (n *torch.Tensor) {
	torch.Unscoped(func() { n = torch.Zeros([]int{}, torch.Options{Device: p.Device()}) })
	return n
}

func (g *AdamGroup) listsOf(k kind) *adamLists {
	for _, l := range g.lists {
		if l.kind == k {
			return l
		}
	}
	l := &adamLists{kind: k, settings: torch.Named{}}
	g.lists = append(g.lists, l)
	return l
}

func (l *adamLists) clear() {
	for _, list := range []*[]*torch.Tensor{&l.params, &l.grads, &l.means, &l.squares, &l.maxSquares, &l.counts} {
		*list = (*list)[:0]
	}
}

func (l *adamLists) call(op string, c *AdamConfig) {
	torch.Call("aten::_foreach_add_.Scalar", l.counts, 1)
	s := l.settings
	s["lr"], s["beta1"], s["beta2"] = c.LR, c.Betas[0], c.Betas[1]
	s["weight_decay"], s["eps"] = c.WeightDecay, c.Eps
	s["amsgrad"], s["maximize"] = c.AMSGrad, c.Maximize
	torch.Call(op, l.params, l.grads, l.means, l.squares, l.maxSquares, l.counts, s)
}
