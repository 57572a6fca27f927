// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// Optimizer changes parameters by their gradients.
type Optimizer interface {
	// ZeroGrad drops the gradients.
	ZeroGrad()
	// Step changes each parameter that has a gradient.
	Step()
	// StateDict returns the state and the settings in PyTorch's layout,
	//
	//	{"state": {0: {"step", …}, …}, "param_groups": [{"lr", …, "params": [0, …]}, …]}
	//
	// Its tensors share their elements with the optimizer's.
	StateDict() *torch.Dict
	// LoadStateDict takes over the state and the settings of a StateDict, of
	// this package or of PyTorch, and shares nothing with it. After an error the
	// optimizer is as it was.
	LoadStateDict(*torch.Dict) error
	// LR returns the learning rate of the first group.
	LR() float64
	// SetLR sets the learning rate of every group.
	SetLR(float64)
	// Parameters returns the parameters of all groups, in order.
	Parameters() []*torch.Tensor
}

func throw(op, format string, args ...any) {
	panic(&torch.Error{Op: op, Message: fmt.Sprintf(format, args...)})
}

// must panics unless ok.
func must(op string, ok bool, format string, args ...any) {
	if !ok {
		throw(op, format, args...)
	}
}

// notNegative panics unless x >= 0; so it does on NaN.
func notNegative(op, what string, x float64) {
	must(op, x >= 0, "%s is %v; it must not be negative", what, x)
}

// atLeast1 panics unless n >= 1.
func atLeast1(op, what string, n int) {
	must(op, n >= 1, "%s is %d; it must be at least 1", what, n)
}

// fraction panics unless x is at least 0 and below 1.
func fraction(op, what string, x float64) {
	must(op, x >= 0 && x < 1, "%s is %v; it must be at least 0 and less than 1", what, x)
}

// started panics if settings look as if they were not started from a function of
// defaults.
func started(op string, empty bool) {
	must(op, !empty, "the settings are zeros: start from optim.Default%s() and change what should differ", op[len("optim."):])
}

// checkParams panics unless params can be optimized beside the others.
func checkParams(op string, params []*torch.Tensor, others []*torch.Tensor) {
	must(op, len(params) > 0, "the list of parameters is empty")
	seen := map[*torch.Tensor]bool{}
	for _, p := range others {
		seen[p] = true
	}
	for i, p := range params {
		switch {
		case p == nil:
			throw(op, "parameter %d is nil", i)
		case seen[p]:
			throw(op, "parameter %d, of shape %v, is in the list or in another group already", i, p.Shape())
		case !p.IsLeaf():
			throw(op, "parameter %d, of shape %v, is the result of an operation; only leaves can be optimized", i, p.Shape())
		}
		seen[p] = true
	}
}

// kind holds the properties that the tensors of one fused call must share.
type kind struct {
	device torch.Device
	dtype  torch.DType
}

func kindOf(p *torch.Tensor) kind { return kind{p.Device(), p.DType()} }

// step calls f without gradients, and frees what f leaves.
func step(f func()) { torch.NoGrad(func() { torch.Scope(f) }) }
