// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package safetensors reads and writes the safetensors format: a JSON header of
// names, types and shapes, then the elements. Any tool of the format reads what it
// writes, and the other way round.
//
//	err := safetensors.Save("model.safetensors", nn.StateDict(model), map[string]string{"format": "pt"})
//	dict, err := safetensors.Load("model.safetensors", torch.CPU)
//
// A file is 8 bytes with the header's length, little-endian, the header, and the
// elements of all tensors, row-major and little-endian. It holds named tensors and
// a map of texts to texts, nothing else: strides, shared storages and requires_grad
// are not kept, other values are refused; [pt] keeps them.
//
// Elements have any type of torch but complex32 and complex128, which the format
// lacks. Reading checks the whole header before it makes tensors: their elements must
// fill the file without holes and overlaps.
//
// [pt]: https://pkg.go.dev/github.com/etude-ml/etude/torch/pt
package safetensors

import (
	"slices"

	"github.com/etude-ml/etude/torch"
)

// elementType is a type of elements with its name in the format.
type elementType struct {
	name  string
	dtype torch.DType
}

// types lists what the format has. The reference implementation writes the elements in
// this order, from the last type to the first.
var types = []elementType{
	{"BOOL", torch.Bool},
	{"U8", torch.UInt8},
	{"I8", torch.Int8},
	{"F8_E5M2", torch.Float8E5M2},
	{"F8_E4M3", torch.Float8E4M3FN},
	{"F8_E8M0", torch.Float8E8M0FNU},
	{"F8_E4M3FNUZ", torch.Float8E4M3FNUZ},
	{"F8_E5M2FNUZ", torch.Float8E5M2FNUZ},
	{"I16", torch.Int16},
	{"U16", torch.UInt16},
	{"F16", torch.Float16},
	{"BF16", torch.BFloat16},
	{"I32", torch.Int32},
	{"U32", torch.UInt32},
	{"F32", torch.Float32},
	{"C64", torch.Complex64},
	{"F64", torch.Float64},
	{"I64", torch.Int64},
	{"U64", torch.UInt64},
}

// rank returns a type's place in types, or -1.
func rank(d torch.DType) int {
	return slices.IndexFunc(types, func(t elementType) bool { return t.dtype == d })
}
