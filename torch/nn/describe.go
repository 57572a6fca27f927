// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"
	"reflect"
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
	visit("", reflect.ValueOf(m), nil, func(path string, v reflect.Value) {
		if v.Type().PkgPath() == reflect.TypeFor[Linear]().PkgPath() {
			layers = append(layers, Layer{path, describe(v)})
		}
	})
	return layers
}

func describe(v reflect.Value) string {
	var settings []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "Training" {
			continue
		}
		switch f.Type.Kind() {
		case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float32, reflect.Float64, reflect.String:
			settings = append(settings, fmt.Sprintf("%s %v", f.Name, v.Field(i).Interface()))
		}
	}
	if settings == nil {
		return v.Type().String()
	}
	return fmt.Sprintf("%s(%s)", v.Type(), strings.Join(settings, ", "))
}
