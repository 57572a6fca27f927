// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/etude-ml/etude/torch"
)

// array is a tensor in Go memory, as it goes into and comes out of a run.
type array struct {
	dtype torch.DType
	shape []int
	data  []byte
}

// elementType returns v's type; an error when the wrapper of ONNX Runtime cannot
// carry it.
func elementType(v Value) (torch.DType, error) {
	d, err := torch.ParseDType(v.DType)
	if err != nil || d == torch.Float16 || d == torch.BFloat16 || dataTypes[d] == 0 {
		return 0, fmt.Errorf("%s: values of this type cannot be passed to ONNX Runtime here", v)
	}
	return d, nil
}

func bytesOf[T torch.Element](s []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(*new(T))))
}

// sliceOf copies bytes into a slice of their type.
func sliceOf[T torch.Element](b []byte) []T {
	out := make([]T, len(b)/int(unsafe.Sizeof(*new(T))))
	copy(bytesOf(out), b)
	return out
}

// check compares feeds with what the model wants.
func (m *Model) check(feeds map[string]array) error {
	wants := make([]string, len(m.Inputs))
	for i, v := range m.Inputs {
		wants[i] = v.String()
	}
	want := "the model wants " + strings.Join(wants, ", ")
	for name := range feeds {
		if !slices.ContainsFunc(m.Inputs, func(v Value) bool { return v.Name == name }) {
			return fmt.Errorf("there is no input %q; %s", name, want)
		}
	}
	free := map[string]int{}
	for _, v := range m.Inputs {
		a, ok := feeds[v.Name]
		if !ok {
			return fmt.Errorf("input %q is missing; %s", v.Name, want)
		}
		fits := a.dtype.String() == v.DType && len(a.shape) == len(v.Shape)
		for i := 0; fits && i < len(a.shape); i++ {
			d, n := v.Shape[i], a.shape[i]
			if d.Size < 0 && d.Name != "" {
				if first, ok := free[d.Name]; ok && n != first {
					return fmt.Errorf("input %q: given %v; %s is %d in another input; %s", v.Name, a.shape, d.Name, first, want)
				}
				free[d.Name] = n
			}
			fits = d.Size < 0 || d.Size == n
		}
		if !fits {
			return fmt.Errorf("input %q: given %s %v; %s", v.Name, a.dtype, a.shape, want)
		}
		if len(a.data) == 0 || len(a.shape) == 0 {
			return fmt.Errorf("input %q: given %s %v; ONNX Runtime's wrapper takes neither tensors without elements nor without dimensions", v.Name, a.dtype, a.shape)
		}
	}
	return nil
}

// run computes the outputs. ONNX Runtime reads the inputs where they are in Go
// memory, which is pinned meanwhile.
func (s *Session) run(feeds map[string]array) (map[string]array, error) {
	if err := s.model.check(feeds); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", s.name, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	inputs := make([]ort.Value, len(s.model.Inputs))
	outputs := make([]ort.Value, len(s.model.Outputs))
	defer func() {
		for _, v := range append(inputs, outputs...) {
			if v != nil {
				_ = v.Destroy()
			}
		}
	}()
	for i, v := range s.model.Inputs {
		a := feeds[v.Name]
		pin.Pin(unsafe.SliceData(a.data))
		shape := make(ort.Shape, len(a.shape))
		for k, n := range a.shape {
			shape[k] = int64(n)
		}
		t, err := ort.NewCustomDataTensor(shape, a.data, ort.TensorElementDataType(dataTypes[a.dtype]))
		if err != nil {
			return nil, fmt.Errorf("onnx: %s: input %q: %w", s.name, v.Name, err)
		}
		inputs[i] = t
	}
	if err := s.session.Run(inputs, outputs); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", s.name, err)
	}
	results := make(map[string]array, len(outputs))
	for i, v := range s.model.Outputs {
		a, err := copyOut(outputs[i])
		if err != nil {
			return nil, fmt.Errorf("onnx: %s: output %q: %w", s.name, v.Name, err)
		}
		results[v.Name] = a
	}
	return results, nil
}

// copyOut copies a result. The wrapper of ONNX Runtime returns a type for each
// kind of element.
func copyOut(v ort.Value) (array, error) {
	a := array{}
	for _, n := range v.GetShape() {
		a.shape = append(a.shape, int(n))
	}
	switch t := v.(type) {
	case *ort.Tensor[float32]:
		a.dtype, a.data = torch.Float32, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[float64]:
		a.dtype, a.data = torch.Float64, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[int64]:
		a.dtype, a.data = torch.Int64, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[int32]:
		a.dtype, a.data = torch.Int32, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[int16]:
		a.dtype, a.data = torch.Int16, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[int8]:
		a.dtype, a.data = torch.Int8, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[uint8]:
		a.dtype, a.data = torch.UInt8, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[uint16]:
		a.dtype, a.data = torch.UInt16, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[uint32]:
		a.dtype, a.data = torch.UInt32, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[uint64]:
		a.dtype, a.data = torch.UInt64, slices.Clone(bytesOf(t.GetData()))
	case *ort.Tensor[bool]:
		a.dtype, a.data = torch.Bool, slices.Clone(bytesOf(t.GetData()))
	default:
		return a, fmt.Errorf("%T cannot be read", v)
	}
	return a, nil
}
