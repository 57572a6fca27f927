// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"reflect"
	"slices"
	"strconv"
)

// visit calls f with each struct that v leads to through exported fields, and its path. Fields with the tag "-" are left out.
// A pointer back to where the walk is already, which up lists, is not followed.
func visit(path string, v reflect.Value, up []place, f func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Interface:
		visit(path, v.Elem(), up, f)
	case reflect.Pointer:
		here := place{v.Pointer(), v.Type()}
		if !v.IsNil() && v.Type() != tensorType && !slices.Contains(up, here) {
			visit(path, v.Elem(), append(up, here), f)
		}
	case reflect.Slice, reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.Interface, reflect.Pointer, reflect.Struct, reflect.Slice, reflect.Array:
			for i := range v.Len() {
				visit(join(path, strconv.Itoa(i)), v.Index(i), up, f)
			}
		}
	case reflect.Struct:
		f(path, v)
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && field.Tag.Get("torch") != "-" {
				visit(join(path, field.Name), v.Field(i), up, f)
			}
		}
	}
}
