// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import "github.com/etude-ml/etude/torch"

// loss writes a loss, element by element, and its mean or sum where one is asked for.
func loss(text string) lowering {
	return func(c *call) { c.set(0, c.reducedLoss(c.formula(c.dtypeOf(0), text, nil))) }
}

func (c *call) reducedLoss(y string) string {
	if op := []string{"", "ReduceMean", "ReduceSum"}[c.int("reduction")]; op != "" {
		return c.reduced(op, y, false)
	}
	return y
}

// weightedLoss is a loss that has a weight for each element, perhaps.
func weightedLoss(text string) lowering {
	return func(c *call) {
		text := text
		if c.has("weight") {
			text = "weight * (" + text + ")"
		}
		loss(text)(c)
	}
}

// lowerBCEWithLogits writes the cross entropy of a sigmoid, without an overflow.
func lowerBCEWithLogits(c *call) {
	text := "(1 - target) * self + Softplus(-self)"
	if c.has("pos_weight") {
		text = "(1 - target) * self + (1 + (pos_weight - 1) * target) * Softplus(-self)"
	}
	weightedLoss(text)(c)
}

func lowerKLDiv(c *call) {
	if c.bool("log_target") {
		loss("Exp(target) * (target - self)")(c)
		return
	}
	loss("Where(target == 0, 0, target * (Log(target) - self))")(c)
}

// crossEntropy writes the negative log likelihood of classes, after a log_softmax or not.
func crossEntropy(op string) lowering {
	return func(c *call) {
		x, target, op := c.tensor("self"), c.tensor("target"), op
		axis, d := min(len(x.shape)-1, 1), x.dtype
		smoothing := c.numberOr("label_smoothing", 0)
		known := map[string]string{"s": c.scalar(smoothing/float64(c.fixed(x.sizeAt(axis), "self")), d), "r": c.scalar(1-smoothing, d)}
		if target.dtype.IsFloating() || smoothing != 0 {
			op = "NegativeLogLikelihoodLoss"
			known["p"] = c.add("LogSoftmax", []string{c.in(x)}, attrInt("axis", axis))
		} else {
			known["p"] = c.in(x)
		}
		weight := ""
		if w := c.optional("weight"); w != nil {
			weight = c.in(w)
			known["w"] = c.add("Reshape", []string{weight, c.vector(append([]int{-1}, repeated(1, len(x.shape)-1-axis)...)...)})
		}
		weighted := func(text string) string {
			if weight != "" {
				text = "w * (" + text + ")"
			}
			return c.reduced("ReduceSum", c.formula(d, text, known), false, axis)
		}
		if target.dtype.IsFloating() {
			c.set(0, c.reducedLoss(weighted("-p * (r * target + s)")))
			return
		}
		classes := func(reduction string) string {
			p, t := known["p"], c.as(target, torch.Int64)
			if axis == 0 {
				p, t = c.unsqueeze(p, 0), c.add("Reshape", []string{t, c.vector(1)})
			}
			y := c.add(op, []string{p, t, weight}, attrString("reduction", reduction), attrInt("ignore_index", c.int("ignore_index")))
			if axis == 0 && reduction == "none" {
				y = c.squeeze(y, 0)
			}
			return y
		}
		if smoothing == 0 {
			c.set(0, classes([]string{"none", "mean", "sum"}[c.int("reduction")]))
			return
		}
		// The other classes have a share, which the mean divides by the weights of the targets.
		known["y"], known["all"] = classes("none"), weighted("-p")
		y := c.formula(d, "r * y + s * Where(target == ignore_index, 0, all)", known)
		if c.int("reduction") != 1 {
			c.set(0, c.reducedLoss(y))
			return
		}
		known["g"] = c.scalar(1, d)
		if weight != "" {
			known["g"] = c.add("Gather", []string{weight, c.cast(c.formula(d, "Where(target == ignore_index, 0, target)", nil), torch.Int64)})
		}
		known["n"] = c.reduced("ReduceSum", c.formula(d, "Where(target == ignore_index, 0, g)", known), false)
		known["sum"] = c.reduced("ReduceSum", y, false)
		c.set(0, c.formula(d, "sum / n", known))
	}
}

func lowerPoissonNLL(c *call) {
	text := "input - target * Log(input + eps)"
	if c.bool("log_input") {
		text = "Exp(input) - target * input"
	}
	if c.bool("full") { // Stirling's approximation of log(target!)
		text += " + Where(target <= 1, 0, target * Log(target) - target + Log(2 * Pi * target) / 2)"
	}
	loss(text)(c)
}

// lowerTripletMargin writes max(margin + |a - p| - |a - n|, 0).
func lowerTripletMargin(c *call) {
	d := c.dtypeOf(0)
	far := func(a, b string) string {
		return c.norm(c.formula(d, a+" - "+b+" + eps", nil), d, c.number("p"), false, -1)
	}
	known := map[string]string{"near": far("anchor", "positive"), "far": far("anchor", "negative")}
	if c.bool("swap") {
		known["far"] = c.add("Min", []string{known["far"], far("positive", "negative")})
	}
	c.set(0, c.reducedLoss(c.formula(d, "Max(margin + near - far, 0)", known)))
}

// lowerCosineEmbedding writes 1 - cos for pairs that belong together, and max(cos - margin, 0)
// for the others.
func lowerCosineEmbedding(c *call) {
	d, axis := c.dtypeOf(0), len(c.tensor("target").shape)
	known := map[string]string{"e": c.scalar(1e-12, d)}
	for name, text := range map[string]string{"xy": "input1 * input2", "xx": "input1 * input1", "yy": "input2 * input2"} {
		known[name] = c.reduced("ReduceSum", c.formula(d, text, nil), false, axis)
	}
	known["cos"] = c.formula(d, "xy / Sqrt((xx + e) * (yy + e))", known)
	c.set(0, c.reducedLoss(c.formula(d, "Where(target == 1, 1 - cos, 0) + Where(target == -1, Max(cos - margin, 0), 0)", known)))
}

// classRows returns scores and targets of [samples, classes], and how many classes there are.
func (c *call) classRows() (x, target string, n int) {
	v, t := c.tensor("self"), c.tensor("target")
	n = c.fixed(v.sizeAt(len(v.shape)-1), "self")
	x, target = c.in(v), c.as(t, torch.Int64)
	if len(v.shape) == 1 {
		x = c.unsqueeze(x, 0)
	}
	return x, target, n
}

// lossOfRows sets the loss of [samples], which has no dimension where the scores had one.
func (c *call) lossOfRows(y string) {
	if len(c.shapeOf(0)) == 0 && c.int("reduction") == 0 {
		y = c.squeeze(y, 0)
	}
	c.set(0, c.reducedLoss(y))
}

// lowerMultiMargin writes the mean of max(margin - x[target] + x, 0)ᵖ over the other classes.
func lowerMultiMargin(c *call) {
	x, target, n := c.classRows()
	d := c.dtypeOf(0)
	column := c.add("Reshape", []string{target, c.vector(-1, 1)})
	known := map[string]string{"x": x, "t": c.add("GatherElements", []string{x, column}, attrInt("axis", 1)), "zero": c.scalar(0, d)}
	text := "Max(margin - t + x, 0)"
	if c.number("p") == 2 {
		text += " * " + text
	}
	if w := c.optional("weight"); w != nil {
		known["w"] = c.add("Gather", []string{c.in(w), column})
		text = "w * " + text
	}
	own := c.add("Equal", []string{column, c.vector(counted(n)...)})
	y := c.add("Where", []string{own, known["zero"], c.formula(d, text, known)})
	c.lossOfRows(c.reduced("ReduceMean", y, false, 1))
}

// lowerMultiLabelMargin sums max(1 - x[target] + x, 0) over the targets, which end at the
// first below 0, and the classes that are none.
func lowerMultiLabelMargin(c *call) {
	x, target, n := c.classRows()
	d := c.dtypeOf(0)
	target = c.add("Reshape", []string{target, c.vector(-1, n)})
	known := map[string]string{"t": c.cast(target, d)}
	known["ended"] = c.add("CumSum", []string{c.formula(d, "Number(t < 0)", known), c.vector(1)})
	known["given"] = c.formula(d, "Number(ended == 0)", known)
	known["last"] = c.unsqueeze(known["given"], 2) // [samples, targets, 1]
	known["j"] = c.cast(c.vector(counted(n)...), d)
	known["t"] = c.unsqueeze(known["t"], 2)
	known["own"] = c.reduced("ReduceMax", c.formula(d, "last * Number(t == j)", known), true, 1) // [samples, 1, classes]
	first := c.add("Max", []string{target, c.integer(0)})
	at := c.add("GatherElements", []string{x, first}, attrInt("axis", 1))
	known["at"], known["x"] = c.unsqueeze(at, 2), c.unsqueeze(x, 1)
	y := c.reduced("ReduceSum", c.formula(d, "last * (1 - own) * Max(1 - at + x, 0)", known), false, 1, 2)
	c.lossOfRows(c.add("Div", []string{y, c.scalar(float64(n), d)}))
	if len(c.node.Results) > 1 && c.wanted(1) {
		c.set(1, c.reshape(known["own"], nil, c.shapeOf(1)))
	}
}
