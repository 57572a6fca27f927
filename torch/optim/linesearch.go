// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// point is a place on a line: at step t lie a loss, its gradient, and the slope of the
// loss along the line.
type point struct {
	t, loss  float64
	gradient *torch.Tensor
	slope    float64
}

// lineSearch looks for a step that fulfils the strong Wolfe conditions: the loss falls by
// at least a share of what the slope promises, and the slope becomes flat enough. It is
// algorithm 3.5 of "Numerical optimization", Nocedal and Wright, 2006, with the cubic
// interpolation and the safeguards of torch.optim.LBFGS.
type lineSearch struct {
	at    func(t float64) point
	reach float64 // the largest element of the direction
	most  int     // iterations
}

// The constants of the two conditions, and the smallest bracket, as in PyTorch.
const (
	wolfeFall, wolfeFlat = 1e-4, 0.9
	smallestBracket      = 1e-9
)

// run returns the point that was found from a first trial t, and how often the loss was
// computed.
func (l lineSearch) run(t float64, start point) (point, int) {
	before, now, calls := start, l.at(t), 1
	steep := func(p point) bool { return p.loss > start.loss+wolfeFall*p.t*start.slope }
	flat := func(p point) bool { return math.Abs(p.slope) <= -wolfeFlat*start.slope }

	// Widen the step until the point is good, or lies beyond a good one.
	var bracket [2]point
	n := 0
	for ; ; n++ {
		if n == l.most {
			bracket = [2]point{start, now}
			break
		}
		if steep(now) || n > 1 && now.loss >= before.loss {
			bracket = [2]point{before, now}
			break
		}
		if flat(now) {
			return now, calls
		}
		if now.slope >= 0 {
			bracket = [2]point{before, now}
			break
		}
		next := between(before, now, now.t+0.01*(now.t-before.t), now.t*10)
		before, now = now, l.at(next)
		calls++
	}

	// Narrow the bracket.
	low, high := 0, 1
	if bracket[0].loss > bracket[1].loss {
		low, high = 1, 0
	}
	stuck := false
	for ; n < l.most; n++ {
		left, right := min(bracket[0].t, bracket[1].t), max(bracket[0].t, bracket[1].t)
		if (right-left)*l.reach < smallestBracket {
			break
		}
		t := between(bracket[0], bracket[1], left, right)
		// Twice near an end, or at it, the trial is moved away from that end.
		if margin := 0.1 * (right - left); min(right-t, t-left) >= margin {
			stuck = false
		} else if stuck || t >= right || t <= left {
			if math.Abs(t-right) < math.Abs(t-left) {
				t = right - margin
			} else {
				t = left + margin
			}
			stuck = false
		} else {
			stuck = true
		}
		now := l.at(t)
		calls++
		if steep(now) || now.loss >= bracket[low].loss {
			bracket[high] = now
			if low, high = 0, 1; bracket[0].loss > bracket[1].loss {
				low, high = 1, 0
			}
			continue
		}
		if flat(now) {
			return now, calls
		}
		if now.slope*(bracket[high].t-bracket[low].t) >= 0 {
			bracket[high] = bracket[low]
		}
		bracket[low] = now
	}
	return bracket[low], calls
}

// between returns the lowest point, from lo to hi, of the cubic curve through two points
// with their slopes; the middle where the curve has none.
func between(a, b point, lo, hi float64) float64 {
	d := a.slope + b.slope - 3*(a.loss-b.loss)/(a.t-b.t)
	square := d*d - a.slope*b.slope
	if !(square >= 0) {
		return (lo + hi) / 2
	}
	if a.t > b.t {
		a, b = b, a
	}
	root := math.Sqrt(square)
	return min(max(b.t-(b.t-a.t)*((b.slope+root-d)/(b.slope-a.slope+2*root)), lo), hi)
}
