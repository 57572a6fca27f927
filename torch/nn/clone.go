// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"reflect"

	"github.com/etude-ml/etude/torch"
)

// Clone returns a copy of a network that shares nothing with it, as copy.deepcopy in
// Python: the tensors of exported fields are copied with all that leads to them, and
// belong to no scope. A tensor that m reaches in two ways is one tensor in the copy, too.
// Other values, such as those of fields with the tag "-" or that are not exported, are
// shared. Gradients are not copied.
func Clone[M any](m M) M {
	NamedTensors(m) // panics on layers that cannot be seen
	copies := map[place]reflect.Value{}
	to := reflect.New(reflect.TypeFor[M]()).Elem()
	to.Set(cloned(reflect.ValueOf(&m).Elem(), copies))
	return to.Interface().(M)
}

// cloned returns a copy of v. It holds the copies of pointers by where they lead.
func cloned(v reflect.Value, copies map[place]reflect.Value) reflect.Value {
	if !mayHold(v.Type()) {
		return v
	}
	to := reflect.New(v.Type()).Elem()
	to.Set(v)
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			to.Set(cloned(v.Elem(), copies))
		}
	case reflect.Pointer:
		here := place{v.Pointer(), v.Type()}
		switch c, ok := copies[here]; {
		case v.IsNil():
		case ok:
			to.Set(c)
		case v.Type() == tensorType:
			to.Set(reflect.ValueOf(clonedTensor(v.Interface().(*torch.Tensor))))
			copies[here] = to
		default:
			to.Set(reflect.New(v.Type().Elem()))
			copies[here] = to // before what is in it: a layer may lead back to its network
			to.Elem().Set(cloned(v.Elem(), copies))
		}
	case reflect.Slice:
		if !v.IsNil() {
			to.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			to.Index(i).Set(cloned(v.Index(i), copies))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("torch") != "-" {
				to.Field(i).Set(cloned(v.Field(i), copies))
			}
		}
	}
	return to
}

func clonedTensor(t *torch.Tensor) *torch.Tensor {
	var c *torch.Tensor
	torch.NoGrad(func() {
		torch.Unscoped(func() { c = t.Clone() })
	})
	return c.SetRequiresGrad(t.RequiresGrad())
}
