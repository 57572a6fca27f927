// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// Spec is a network's row in the registry: everything that reading, training, export,
// evaluation and the command need to know about it.
type Spec struct {
	Name  string // as commands and folders call it: "emotion"
	Title string // as Python's class is called: "EmotionRecognizer"
	In    int    // numbers of an input
	Out   int    // numbers of an output; set by All, from Outputs

	// New builds the network with fresh weights.
	New func(torch.Device) nn.Module

	// Source reads its samples.
	Source dataset.Source

	Loss nn.Loss
	Defaults

	// Measure compares predictions with targets beyond the loss; Outputs names the
	// numbers of an output, for tables and plots. Classes says that an output is
	// shares of classes, of which the largest counts as the answer.
	Measure measure.Func
	Outputs func() []string
	Classes bool
	// Headlines names the rows of the measures that a summary shows beside the loss.
	// They must be defined for the constant prediction too.
	Headlines []string
	// Readout, if set, turns an output into what it stands for, where that is not the
	// numbers themselves.
	Readout *Readout

	ONNXInput, ONNXOutput string // names in an exported file
	// InputRange is the least and the largest number of an input: an exported file
	// is checked with inputs between them.
	InputRange [2]float64
	// Metadata says how inputs are made and what outputs mean; both are written as
	// JSON into exported files. It may be nil.
	Metadata func() (preprocessing, labels any)
}

// Defaults are the settings of training where the user gives none.
type Defaults struct {
	Epochs      int     // at most
	BatchSize   int     // samples in a step
	LR          float64 // Adam's learning rate
	WeightDecay float64 // Adam's, as L2 added to the gradient
	Patience    int     // epochs without improvement
	MinDelta    float64 // what an improvement of the validation loss must exceed, as a share of the best one
}

// defaults returns the settings of most networks. The least improvement is a share,
// because the losses of the networks differ a hundredfold.
func defaults() Defaults {
	return Defaults{Epochs: 50, BatchSize: 64, LR: 1e-3, WeightDecay: 1e-4, Patience: 10, MinDelta: 1e-3}
}

// slowDefaults returns the settings of a network whose loss stands still for long
// before it falls: more and smaller steps, and more time without an improvement.
func slowDefaults() Defaults {
	return Defaults{Epochs: 300, BatchSize: 16, LR: 5e-4, WeightDecay: 1e-4, Patience: 20, MinDelta: 1e-3}
}

// Readout turns an output into the quantities that it stands for.
type Readout struct {
	Names []string
	Read  func(output []float32) []float64 // one for each name
}

// stateEntry is a tensor of a network's state dict.
type stateEntry struct {
	name  string
	shape []int
}

// states keeps the result of state, by the network's name.
var states sync.Map

// state lists the tensors of the network's state dict in their order. It builds the
// network once to see them, so it needs libtorch.
func (s Spec) state() []stateEntry {
	if found, ok := states.Load(s.Name); ok {
		return found.([]stateEntry)
	}
	var entries []stateEntry
	build := func() {
		m := s.New(torch.CPU)
		for _, n := range nn.NamedTensors(m) {
			entries = append(entries, stateEntry{n.Name, n.Tensor.Shape()})
		}
		for _, p := range nn.Parameters(m) {
			p.Close()
		}
	}
	torch.ForkRNG(func() { torch.Scope(build) }) // nobody's random numbers change
	states.Store(s.Name, entries)
	return entries
}

// shapes returns state as a map.
func (s Spec) shapes() map[string][]int {
	shapes := map[string][]int{}
	for _, e := range s.state() {
		shapes[e.name] = e.shape
	}
	return shapes
}

// registered holds the networks beyond Etude's own.
var registered []Spec

// All returns the networks in the order in which they are trained: the five of
// Etude, then those that were registered.
func All() []Spec {
	all := append([]Spec{emotion(), melody(), harmony(), dynamicsEngine(), groovePredictor()}, registered...)
	for i := range all {
		all[i].Out = len(all[i].Outputs())
	}
	return all
}

// Register adds a network, so that [All], [ByName], [Find] and every command know
// it. It belongs into an init function. It panics if the row lacks something or
// its name is another's. [Find] panics if its state dict has the names and shapes of
// another's, because a file could then be either's.
func Register(s Spec) {
	missing := ""
	switch {
	case s.Name == "" || s.Title == "":
		missing = "a name and a title"
	case s.In < 1:
		missing = "the size of its input"
	case s.New == nil:
		missing = "New"
	case s.Source == nil:
		missing = "a source"
	case s.Loss == nil || s.Measure == nil || s.Outputs == nil:
		missing = "Loss, Measure and Outputs"
	case s.Defaults == Defaults{}:
		missing = "defaults"
	case s.ONNXInput == "" || s.ONNXOutput == "":
		missing = "names for ONNX"
	}
	if missing != "" {
		panic(fmt.Sprintf("models: Register: the network %q lacks %s", s.Name, missing))
	}
	if _, err := ByName(s.Name); err == nil || s.Name == "all" {
		panic(fmt.Sprintf("models: Register: there is a network %q already", s.Name))
	}
	registered = append(registered, s)
}

// checkDistinct panics if a file could hold the weights of two of the networks.
func checkDistinct(specs []Spec) {
	for i, s := range specs {
		for _, other := range specs[:i] {
			if maps.EqualFunc(s.shapes(), other.shapes(), slices.Equal) {
				panic(fmt.Sprintf("models: Register: the network %q has the names and shapes of %q: rename a layer", s.Name, other.Name))
			}
		}
	}
}

// Names lists the names of all networks.
func Names() []string {
	var names []string
	for _, s := range All() {
		names = append(names, s.Name)
	}
	return names
}

// Sources lists where the samples of all networks come from.
func Sources() []dataset.Source {
	var sources []dataset.Source
	for _, s := range All() {
		sources = append(sources, s.Source)
	}
	return sources
}

// ByName returns the network of a name such as "emotion".
func ByName(name string) (Spec, error) {
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
	}
	return Spec{}, fmt.Errorf("models: there is no network %q; there are %s", name, strings.Join(Names(), ", "))
}

// Found holds a network's weights in a file.
type Found struct {
	Spec   Spec
	State  *torch.Dict // as the network has it
	Prefix string      // of the names in the file, which may begin with a key of a checkpoint
	Others []string    // further prefixes under which weights of the network are
}

// Find finds the weights of a network among the tensors of a file, by names and
// shapes. They may have a prefix, of a wrapper such as "module." or of the key of a
// checkpoint that they are under; see [nn.FindState]. The name of a network restricts
// the search to it; "" stands for all. The error lists what the file holds.
func Find(file *torch.Dict, name string) (Found, error) {
	if file == nil {
		return Found{}, errors.New("models: there is no state dict")
	}
	specs := All()
	checkDistinct(specs)
	if name != "" {
		s, err := ByName(name)
		if err != nil {
			return Found{}, err
		}
		specs = []Spec{s}
	}
	shapes := map[string][]int{}
	for key, v := range file.All() {
		n, ok1 := key.(string)
		t, ok2 := v.(*torch.Tensor)
		if ok1 && ok2 {
			shapes[n] = t.Shape()
		}
	}
	for _, s := range specs {
		prefixes := nn.FindState(shapes, s.shapes())
		if len(prefixes) == 0 {
			continue
		}
		found := Found{Spec: s, State: &torch.Dict{OrderedDict: true}, Prefix: prefixes[0], Others: prefixes[1:]}
		for _, e := range s.state() {
			v, _ := file.Get(found.Prefix + e.name)
			found.State.Set(e.name, v)
		}
		return found, nil
	}
	var report strings.Builder
	for _, s := range specs {
		fmt.Fprintf(&report, "\n  %s has %s; here %s", s.Name, s.layout(), s.differs(file))
	}
	what := "a network known here"
	if name != "" {
		what = name
	}
	return Found{}, fmt.Errorf("models: the weights in the file are not those of %s. It holds %s.%s", what, held(file), report.String())
}

// held lists the tensors of a file, or the first of many.
func held(file *torch.Dict) string {
	const most = 30
	var parts []string
	for key, v := range file.All() {
		if t, ok := v.(*torch.Tensor); ok {
			parts = append(parts, fmt.Sprint(key, " ", t.Shape()))
		}
	}
	switch n := len(parts); {
	case n == 0:
		return "no tensors"
	case n > most:
		return fmt.Sprintf("%d tensors: %s and %d more", n, strings.Join(parts[:most], ", "), n-most)
	default:
		return fmt.Sprintf("%d tensors: %s", n, strings.Join(parts, ", "))
	}
}

// differs describes the first difference between a state dict and the network's; it
// is empty if there is none.
func (s Spec) differs(state *torch.Dict) string {
	known := map[any]bool{}
	for _, e := range s.state() {
		known[e.name] = true
		v, ok := state.Get(e.name)
		if !ok {
			return e.name + " is missing"
		}
		t, ok := v.(*torch.Tensor)
		if !ok || t == nil {
			return fmt.Sprintf("%s is not a tensor but %T", e.name, v)
		}
		if shape := t.Shape(); !slices.Equal(shape, e.shape) {
			return fmt.Sprintf("%s is %v", e.name, shape)
		}
	}
	for _, k := range state.Keys() {
		if !known[k] {
			return fmt.Sprintf("there is %v besides", k)
		}
	}
	return ""
}

// layout lists the names and shapes of the network's state.
func (s Spec) layout() string {
	var parts []string
	for _, e := range s.state() {
		parts = append(parts, fmt.Sprint(e.name, " ", e.shape))
	}
	return strings.Join(parts, ", ")
}
