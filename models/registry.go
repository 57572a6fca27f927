// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"fmt"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
)

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
