// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"reflect"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// evaluate puts a network into evaluation mode. The function it returns puts
// every layer back into the mode it was in, as far as it keeps it in an exported
// field Training, as the layers of package nn do.
func evaluate(model nn.Module) (restore func()) {
	flags := map[*bool]bool{}
	findTraining(reflect.ValueOf(model), flags, map[place]bool{})
	nn.SetTraining(model, false)
	return func() {
		for flag, on := range flags {
			*flag = on
		}
	}
}

// place is a pointer that was followed. A struct and its first field share their
// address, but not their type.
type place struct {
	address uintptr
	kind    reflect.Type
}

var tensorType = reflect.TypeFor[torch.Tensor]()

// findTraining collects the exported bool fields that are called Training.
func findTraining(v reflect.Value, flags map[*bool]bool, seen map[place]bool) {
	switch v.Kind() {
	case reflect.Interface:
		findTraining(v.Elem(), flags, seen)
	case reflect.Pointer:
		here := place{v.Pointer(), v.Type()}
		if v.IsNil() || v.Type().Elem() == tensorType || seen[here] {
			return
		}
		seen[here] = true
		findTraining(v.Elem(), flags, seen)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			findTraining(v.Index(i), flags, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			switch {
			case !f.IsExported():
			case f.Name == "Training" && f.Type.Kind() == reflect.Bool && v.Field(i).CanAddr():
				flag := v.Field(i).Addr().Interface().(*bool)
				flags[flag] = *flag
			default:
				findTraining(v.Field(i), flags, seen)
			}
		}
	}
}
