// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
)

// Spec describes a network.
type Spec struct {
	Name       string // as commands and folders call it: "emotion"
	Title      string // as Python's class is called: "EmotionRecognizer"
	In, Out    int    // features of an input and of an output
	Parameters int    // trained values

	ONNXInput, ONNXOutput string // names in an exported file

	LR   float64 // Adam's default learning rate for it
	Loss nn.Loss
	New  func(torch.Device) nn.Module

	// Samples reads a data folder, whose layout is described in package dataset.
	Samples func(ctx context.Context, root string, o dataset.Options) (*data.Samples, error)

	state []stateEntry
}

// stateEntry is a tensor of a network's state dict.
type stateEntry struct {
	name  string
	shape []int
}

// All returns the networks in the order in which they are trained.
func All() []Spec { return []Spec{emotion(), melody()} }

func emotion() Spec {
	return Spec{
		Name: "emotion", Title: "EmotionRecognizer", In: 128, Out: 64, Parameters: 403264,
		ONNXInput: "audio_features", ONNXOutput: "emotion_embedding",
		LR: 1e-3, Loss: nn.MSELoss,
		New:     func(d torch.Device) nn.Module { return NewEmotionRecognizer(d) },
		Samples: dataset.Emotion,
		state:   slices.Concat(linear("fc1", 128, 512), linear("fc2", 512, 256), lstm("lstm", 256, 128), linear("fc3", 128, 64)),
	}
}

func melody() Spec {
	return Spec{
		Name: "melody", Title: "MelodyTransformer", In: 64, Out: 128, Parameters: 641664,
		ONNXInput: "emotion_embedding", ONNXOutput: "midi_notes",
		LR: 5e-4, Loss: nn.BCELoss,
		New:     func(d torch.Device) nn.Module { return NewMelodyTransformer(d) },
		Samples: dataset.Melody,
		state:   slices.Concat(linear("fc1", 64, 256), lstm("lstm", 256, 256), linear("fc2", 256, 256), linear("fc3", 256, 128)),
	}
}

func linear(name string, in, out int) []stateEntry {
	return []stateEntry{{name + ".weight", []int{out, in}}, {name + ".bias", []int{out}}}
}

func lstm(name string, in, hidden int) []stateEntry {
	return []stateEntry{
		{name + ".weight_ih_l0", []int{4 * hidden, in}}, {name + ".weight_hh_l0", []int{4 * hidden, hidden}},
		{name + ".bias_ih_l0", []int{4 * hidden}}, {name + ".bias_hh_l0", []int{4 * hidden}},
	}
}

// notBuilt are names that are reserved.
var notBuilt = []string{"harmony", "dynamics", "groove"}

// ByName returns the network of a name such as "emotion".
func ByName(name string) (Spec, error) {
	var names []string
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	if slices.Contains(notBuilt, name) {
		return Spec{}, fmt.Errorf("models: the network %q is not built yet; there are %s", name, strings.Join(names, ", "))
	}
	return Spec{}, fmt.Errorf("models: there is no network %q; there are %s", name, strings.Join(names, ", "))
}

// Recognize returns the network whose names and shapes a state dict has, whatever
// their order. The error says what each network would have.
func Recognize(state *torch.Dict) (Spec, error) {
	if state == nil {
		return Spec{}, errors.New("models: there is no state dict")
	}
	var report strings.Builder
	for _, s := range All() {
		why := s.differs(state)
		if why == "" {
			return s, nil
		}
		fmt.Fprintf(&report, "\n  %s has %s; here %s", s.Name, s.layout(), why)
	}
	return Spec{}, fmt.Errorf("models: the state dict is not that of a network known here:%s", report.String())
}

// differs says what first tells a state dict from s's, or "".
func (s Spec) differs(state *torch.Dict) string {
	known := map[any]bool{}
	for _, e := range s.state {
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

// layout lists the names and shapes of s's state.
func (s Spec) layout() string {
	var parts []string
	for _, e := range s.state {
		parts = append(parts, fmt.Sprint(e.name, " ", e.shape))
	}
	return strings.Join(parts, ", ")
}
