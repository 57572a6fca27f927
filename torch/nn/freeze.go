// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "strings"

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
		if !found[name] {
			throw(op, "no parameter is called %q, and none is in it", name)
		}
	}
}
