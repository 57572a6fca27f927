// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import "fmt"

// Shape returns the sizes of the dimensions; empty for a single value.
func (t *Tensor) Shape() []int { return t.describe("shape").Sizes }

// Strides returns the distance in elements between neighbours along each dimension.
func (t *Tensor) Strides() []int { return t.describe("stride").Strides }

// Size returns the size of one dimension; a negative dim counts from the end.
func (t *Tensor) Size(dim int) int {
	s := t.Shape()
	if dim < -len(s) || dim >= len(s) {
		panic(&Error{Op: "size", Shapes: [][]int{s}, Message: fmt.Sprint("there is no dimension ", dim)})
	}
	if dim < 0 {
		dim += len(s)
	}
	return s[dim]
}

// Dim returns the number of dimensions.
func (t *Tensor) Dim() int { return len(t.Shape()) }

// Numel returns the number of elements.
func (t *Tensor) Numel() int { return t.describe("numel").Numel }

// DType returns the type of the elements.
func (t *Tensor) DType() DType { return dtypeOf(t.describe("dtype").DType) }

// Device returns where the elements are.
func (t *Tensor) Device() Device {
	i := t.describe("device")
	return deviceOf(i.DeviceType, i.DeviceIndex)
}

// IsContiguous reports whether the elements lie in row-major order without gaps.
func (t *Tensor) IsContiguous() bool { return t.describe("is_contiguous").IsContiguous }

// StorageInfo says where a tensor is in its storage.
type StorageInfo struct {
	ID     uint64 // the same for tensors that share storage, while one of them lives
	Bytes  int    // size of the whole storage
	Offset int    // of the first element, in elements
}

// Storage returns where t is in its storage.
func (t *Tensor) Storage() StorageInfo {
	i := t.describe("storage")
	return StorageInfo{i.Storage, i.StorageBytes, i.StorageOffset}
}
