// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

// LambdaLRConfig holds the settings of a LambdaLR, and of a MultiplicativeLR.
type LambdaLRConfig struct {
	// Lambdas are functions of the number of epochs that have ended: one for each group
	// of parameters, or one for all. A state dict does not hold them.
	Lambdas []func(epoch int) float64
}

// LambdaLR sets each learning rate to the first one times a function of the epoch. It
// does so when it is made, too.
type LambdaLR struct{ schedule[LambdaLRConfig] }

// NewLambdaLR returns a LambdaLR for o. It panics unless there is one function, or one
// for each group.
func NewLambdaLR(o Optimizer, c LambdaLRConfig) *LambdaLR {
	c.Lambdas = forGroups("optim.LambdaLR", "Lambdas", o, c.Lambdas)
	return &LambdaLR{newSchedule(&lambdaLR, o, c)}
}

var lambdaLR = curve[LambdaLRConfig]{
	name: "LambdaLR", settings: noLambdas, check: func(*LambdaLRConfig) {}, starts: true,
	rate: func(c *LambdaLRConfig, m moment, _ float64) float64 { return m.base * c.Lambdas[m.group](m.epoch) },
}

// MultiplicativeLR multiplies each learning rate by a function of the epoch.
type MultiplicativeLR struct{ schedule[LambdaLRConfig] }

// NewMultiplicativeLR returns a MultiplicativeLR for o. It panics unless there is one
// function, or one for each group.
func NewMultiplicativeLR(o Optimizer, c LambdaLRConfig) *MultiplicativeLR {
	c.Lambdas = forGroups("optim.MultiplicativeLR", "Lambdas", o, c.Lambdas)
	return &MultiplicativeLR{newSchedule(&multiplicativeLR, o, c)}
}

var multiplicativeLR = curve[LambdaLRConfig]{
	name: "MultiplicativeLR", settings: noLambdas, check: func(*LambdaLRConfig) {},
	rate: func(c *LambdaLRConfig, m moment, lr float64) float64 { return lr * c.Lambdas[m.group](m.epoch) },
}

// noLambdas returns what PyTorch writes of functions.
func noLambdas(c *LambdaLRConfig) []setting {
	return []setting{{"lr_lambdas", make([]any, len(c.Lambdas))}}
}

// forGroups returns a setting for each group of parameters: xs, or its only entry for all.
func forGroups[T any](op, what string, o Optimizer, xs []T) []T {
	n := len(ratesOf(o))
	must(op, len(xs) == 1 || len(xs) == n, "%s has %d entries; it must have 1, or one for each of %d groups of parameters", what, len(xs), n)
	list := make([]T, n)
	for i := range list {
		list[i] = xs[min(i, len(xs)-1)]
	}
	return list
}
