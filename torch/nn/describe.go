// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Layer is a layer of this package in a network.
type Layer struct {
	Path string // the fields and positions that lead to it, such as "Blocks.0.FC1"
	Text string // its type and settings, such as "nn.Dropout(P 0.2)"
}

// Describe lists the layers of this package that m is made of. It leaves out layers from
// elsewhere, because it cannot know which of their fields are settings.
func Describe(m any) (layers []Layer) {
	visitLayers(m, func(path string, v reflect.Value) {
		if v.Type().PkgPath() == reflect.TypeFor[Linear]().PkgPath() {
			layers = append(layers, Layer{path, describe(v)})
		}
	})
	return layers
}

// visitLayers is visit without what a layer of this package embeds, which is part of it.
func visitLayers(m any, f func(path string, v reflect.Value)) {
	var within place
	visit(m, func(path string, v reflect.Value) {
		if v.CanAddr() && within == (place{v.Addr().Pointer(), v.Type()}) {
			return
		}
		f(path, v)
		if v.Type().PkgPath() == reflect.TypeFor[Linear]().PkgPath() && v.CanAddr() && v.NumField() > 0 {
			if first := v.Type().Field(0); first.Anonymous && first.Type.Kind() == reflect.Struct {
				within = place{v.Addr().Pointer(), first.Type}
			}
		}
	})
}

func describe(v reflect.Value) string {
	var settings []string
	for _, f := range reflect.VisibleFields(v.Type()) {
		if !f.IsExported() || f.Name == "Training" {
			continue
		}
		if text, ok := plain(v.FieldByIndex(f.Index)); ok && text != "" {
			settings = append(settings, f.Name+" "+text)
		}
	}
	if settings == nil {
		return v.Type().String()
	}
	return fmt.Sprintf("%s(%s)", v.Type(), strings.Join(settings, ", "))
}

// plain writes a setting: a number, a text, a bool, or a list of such or a pointer to one.
func plain(v reflect.Value) (text string, ok bool) {
	switch v.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float32, reflect.Float64, reflect.String:
		return fmt.Sprint(v.Interface()), true
	case reflect.Slice, reflect.Array:
		_, ok := plain(reflect.Zero(v.Type().Elem()))
		return fmt.Sprint(v.Interface()), ok
	case reflect.Pointer:
		if _, ok := plain(reflect.Zero(v.Type().Elem())); !ok {
			return "", false
		} else if v.IsNil() {
			return "none", true
		}
		return plain(v.Elem())
	}
	return "", false
}

// visit calls f with each struct that m leads to through exported fields, and its path.
// Fields with the tag "-" are left out.
func visit(m any, f func(path string, v reflect.Value)) {
	visitAll("", reflect.ValueOf(m), nil, func(path string, v reflect.Value) {
		if v.Kind() == reflect.Struct {
			f(path, v)
		}
	})
}

// visitAll is visit, from v at a path on, that calls f with interfaces, too, before what is
// in them. A pointer back to where the walk is already, which up lists, is not followed.
func visitAll(path string, v reflect.Value, up []place, f func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Interface:
		f(path, v)
		visitAll(path, v.Elem(), up, f)
	case reflect.Pointer:
		here := place{v.Pointer(), v.Type()}
		if !v.IsNil() && v.Type() != tensorType && !slices.Contains(up, here) {
			visitAll(path, v.Elem(), append(up, here), f)
		}
	case reflect.Slice, reflect.Array:
		for i := 0; mayHold(v.Type().Elem()) && i < v.Len(); i++ {
			visitAll(join(path, strconv.Itoa(i)), v.Index(i), up, f)
		}
	case reflect.Struct:
		f(path, v)
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && field.Tag.Get("torch") != "-" {
				visitAll(join(path, field.Name), v.Field(i), up, f)
			}
		}
	}
}
