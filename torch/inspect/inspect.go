// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package inspect holds what pt.Inspect and safetensors.Inspect tell about a file:
// its tensors by name, type, shape and content, and whatever else is in it,
// without making tensors and without libtorch.
package inspect

import (
	"bytes"
	"encoding/json"
)

// Info describes a file. As JSON it is what `etude inspect --json` prints.
type Info struct {
	Format   string            `json:"format"` // "pt" or "safetensors"
	Tensors  []Tensor          `json:"tensors"`
	Values   Values            `json:"values"`
	Metadata map[string]string `json:"metadata"`
}

// Tensor describes one tensor.
type Tensor struct {
	Name    string `json:"name"`  // keys and indices from the root, joined by dots
	DType   string `json:"dtype"` // PyTorch's name without "torch."
	Shape   []int  `json:"shape"`
	Strides []int  `json:"strides"` // in elements
	Bytes   int64  `json:"bytes"`   // of its elements, without gaps
	SHA256  string `json:"sha256"`  // of the elements, little-endian and row-major, in hexadecimal
}

// Value is something else than a tensor. It is nil, bool, int, *big.Int, float64,
// string, a []any of such, or an empty map[string]any; what JSON lacks is a
// string, such as "nan", "torch.float32", "cuda:0", or bytes in hexadecimal.
type Value struct {
	Name  string
	Value any
}

// Values are in the order of the file.
type Values []Value

// MarshalJSON writes an object.
func (vs Values) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range vs {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(v.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(v.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Get returns the value of a name.
func (vs Values) Get(name string) (any, bool) {
	for _, v := range vs {
		if v.Name == name {
			return v.Value, true
		}
	}
	return nil, false
}
