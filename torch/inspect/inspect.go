// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package inspect describes the content of a file, as pt.Inspect and
// safetensors.Inspect find it: the tensors by name, type, shape and hash, and the
// other values. It needs no libtorch.
package inspect

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
)

// Info describes a file. `etude inspect --json` prints it as JSON.
type Info struct {
	Format   string            `json:"format"` // "pt", "safetensors" or "onnx"
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

// Dense describes a tensor whose elements stand row by row and without gaps, with the
// strides that PyTorch gives it.
func Dense(name, dtype string, shape []int) Tensor {
	strides, step := make([]int, len(shape)), 1
	for i, n := range slices.Backward(shape) {
		strides[i] = step
		step *= max(n, 1)
	}
	return Tensor{Name: name, DType: dtype, Shape: shape, Strides: strides}
}

// Value is a value that is not a tensor: nil, bool, int, *big.Int, float64, string, a
// []any of these, or an empty map[string]any. Values that JSON lacks are strings, such
// as "nan", "torch.float32", "cuda:0", or bytes in hexadecimal.
type Value struct {
	Name  string
	Value any
}

// Values lists the values in the order of the file.
type Values []Value

// MarshalJSON writes the values as an object.
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

// Get returns the value of that name, and whether there is one.
func (vs Values) Get(name string) (any, bool) {
	for _, v := range vs {
		if v.Name == name {
			return v.Value, true
		}
	}
	return nil, false
}

// longestHeader is the limit of the safetensors format, in bytes.
const longestHeader = 100_000_000

// Format recognises a file of tensors by how it begins: "pt", "safetensors" or "onnx";
// "" for any other file.
func Format(head []byte) string {
	switch {
	case len(head) < 2:
	// The length of the header, then the header, which is JSON.
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= longestHeader:
		return "safetensors"
	case string(head[:2]) == "PK": // a zip archive
		return "pt"
	// A pickle, as before PyTorch 1.6: of the protocols 2 to 5, or of the number that
	// the file begins with in the protocols 0 and 1.
	case head[0] == 0x80 && head[1] >= 2 && head[1] <= 5, bytes.HasPrefix(head, []byte("L119547037146038801333356L\n")):
		return "pt"
	// The IR version, a number that has one byte. Tools write fields in order.
	case head[0] == 0x08 && head[1] < 0x80:
		return "onnx"
	}
	return ""
}
