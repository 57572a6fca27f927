// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import "github.com/etude-ml/etude/torch"

const untypedStorage = "UntypedStorage"

// storageClasses are the classes that name a storage's element type in a file.
// Types that are not here came after PyTorch froze the list: their storages are
// untyped, and the tensor names the type.
var storageClasses = map[torch.DType]string{
	torch.Float32:    "FloatStorage",
	torch.Float64:    "DoubleStorage",
	torch.Float16:    "HalfStorage",
	torch.BFloat16:   "BFloat16Storage",
	torch.Int64:      "LongStorage",
	torch.Int32:      "IntStorage",
	torch.Int16:      "ShortStorage",
	torch.Int8:       "CharStorage",
	torch.UInt8:      "ByteStorage",
	torch.Bool:       "BoolStorage",
	torch.Complex64:  "ComplexFloatStorage",
	torch.Complex128: "ComplexDoubleStorage",
}

var storageTypes = func() map[string]torch.DType {
	m := map[string]torch.DType{}
	for d, name := range storageClasses {
		m[name] = d
	}
	return m
}()
