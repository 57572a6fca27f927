// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"reflect"
	"slices"
	"strings"
)

// SetTraining puts m and everything in it into training mode, or into evaluation
// mode, in which [Dropout] passes its input on. New layers are in training mode. It sets
// the exported fields Training, and then calls each [TrainingMode], that of a network
// after those of its layers.
func SetTraining(m any, on bool) {
	NamedTensors(m) // panics on layers that cannot be seen
	var informed []TrainingMode
	visit(m, func(_ string, v reflect.Value) {
		if training := trainingOf(v); training != nil {
			*training = on
		}
		if v.CanAddr() {
			v = v.Addr()
		}
		if t, ok := v.Interface().(TrainingMode); ok {
			informed = append(informed, t)
		}
	})
	for _, t := range slices.Backward(informed) {
		t.SetTraining(on)
	}
}

// Evaluating calls f with m in evaluation mode, and afterwards puts every layer back
// into the mode it was in, if it keeps the mode in an exported field Training, as the
// layers of this package do.
func Evaluating(m any, f func()) { inMode(m, false, f) }

// inMode is Evaluating for either mode.
func inMode(m any, training bool, f func()) {
	modes := map[*bool]bool{}
	visit(m, func(_ string, v reflect.Value) {
		if mode := trainingOf(v); mode != nil {
			modes[mode] = *mode
		}
	})
	defer func() {
		for mode, on := range modes {
			*mode = on
		}
	}()
	SetTraining(m, training)
	f()
}

// trainingOf returns where a struct keeps its mode; nil for nowhere.
func trainingOf(v reflect.Value) *bool {
	f, ok := v.Type().FieldByName("Training")
	if !ok || len(f.Index) != 1 || f.Type != reflect.TypeFor[bool]() || !v.CanAddr() {
		return nil
	}
	return v.FieldByIndex(f.Index).Addr().Interface().(*bool)
}

// Freeze leaves parameters of m out of training: they get no gradients, so that no
// optimizer changes them. A name is that of a parameter in the state dict, or of what
// holds it: "encoder" stands for all parameters whose names begin with "encoder.".
// Without names, it freezes all. It panics on a name that stands for no parameter.
func Freeze(m any, names ...string) { setTrained("nn.Freeze", m, false, names) }

// Unfreeze takes up training again where [Freeze] stopped it.
func Unfreeze(m any, names ...string) { setTrained("nn.Unfreeze", m, true, names) }

func setTrained(op string, m any, on bool, names []string) {
	found := map[string]bool{}
	for _, n := range NamedTensors(m) {
		covered := len(names) == 0
		for _, name := range names {
			if n.Name == name || strings.HasPrefix(n.Name, name+".") {
				covered, found[name] = true, found[name] || !n.Buffer
			}
		}
		if covered && !n.Buffer {
			n.Tensor.SetRequiresGrad(on)
		}
	}
	for _, name := range names {
		must(op, found[name], "no parameter is called %q, and none is in it", name)
	}
}
