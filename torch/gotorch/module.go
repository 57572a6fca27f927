// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build gotorch

package gotorch

import (
	"maps"
	"runtime"
	"slices"
	"strings"

	theirs "github.com/wangkuiyi/gotorch"
	theirnn "github.com/wangkuiyi/gotorch/nn"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// Net is what every network of GoTorch's is that embeds its nn.Module and was initialised.
type Net interface {
	theirnn.IModule
	NamedParameters() map[string]theirs.Tensor
	NamedBuffers() map[string]theirs.Tensor
}

// Module is a network of GoTorch's as an [nn.Module]. Its parameters and buffers are GoTorch's
// own tensors, so that what trains one trains the other.
type Module struct {
	// State has the parameters and buffers under GoTorch's names, in alphabetical order.
	State []nn.NamedTensor
	// Training is the mode in which Forward puts the network.
	Training bool

	net     Net
	forward func(theirs.Tensor) theirs.Tensor
	taken   []taken // as in State
}

// taken is a tensor on both sides.
type taken struct {
	ours     *torch.Tensor
	identity uintptr
}

// NewModule returns a Module of net, which forward computes: its Forward, or for a Sequential,
// whose Forward has other types, a function that calls that. Later neither SetStateDict may
// replace the tensors of net, nor nn.Clone copy the Module: Forward panics then.
func NewModule(net Net, forward func(theirs.Tensor) theirs.Tensor) *Module {
	m := &Module{Training: net.IsTraining(), net: net, forward: forward}
	known := map[uintptr]*torch.Tensor{} // two fields with one tensor have one here, too
	state, buffers := net.StateDict(), net.NamedBuffers()
	for _, name := range slices.Sorted(maps.Keys(state)) {
		t := taken{identity: identity(state[name])}
		if t.ours = known[t.identity]; t.ours == nil {
			torch.Unscoped(func() { t.ours = Take(state[name]) })
			known[t.identity] = t.ours
		}
		_, buffer := buffers[name]
		m.State = append(m.State, nn.NamedTensor{Name: name, Tensor: t.ours, Buffer: buffer})
		m.taken = append(m.taken, t)
	}
	return m
}

// identity returns libtorch's address of a tensor, which is all that an at::Tensor holds.
func identity(t theirs.Tensor) uintptr {
	defer runtime.KeepAlive(t.T)
	return *(*uintptr)(*t.T)
}

// NamedTensors returns State; see [nn.TensorNamer].
func (m *Module) NamedTensors() []nn.NamedTensor { return m.State }

// Forward calls GoTorch's. It panics with a *[torch.Error] where GoTorch panics with a text.
func (m *Module) Forward(x *torch.Tensor) (y *torch.Tensor) {
	m.check()
	if m.net.IsTraining() != m.Training {
		m.net.Train(m.Training)
	}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case string:
			text, _, _ := strings.Cut(e, "\nException raised from") // what follows is C++'s stack
			throw("%s", text)
		default:
			panic(e)
		}
	}()
	torch.Foreign(func() {
		Protect(func() { y = Take(m.forward(Give(x))) })
	})
	return y
}

// check panics unless the network computes with the tensors of State.
func (m *Module) check() {
	state := m.net.StateDict()
	for i, n := range m.State {
		t, ok := state[n.Name]
		switch {
		case n.Tensor != m.taken[i].ours:
			throw("State has other tensors than GoTorch's network, as after nn.Clone; make another network and copy the state dict")
		case !ok || identity(t) != m.taken[i].identity:
			throw("%s of GoTorch's network was replaced, as SetStateDict does; call NewModule afterwards", n.Name)
		}
	}
}
