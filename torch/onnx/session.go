// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// ErrClosed is returned by a Session after Close.
var ErrClosed = errors.New("onnx: the session is closed")

// Feeds are the inputs of a run, by name.
type Feeds map[string]*torch.Tensor

// SessionOptions are options of [Open].
type SessionOptions struct {
	// Threads is how many threads one operator may use; 0 means 1, which is
	// fastest for small networks and leaves the cores to other goroutines.
	Threads int
}

// Session runs an ONNX file in ONNX Runtime, on the CPU. Its methods may be
// called by any number of goroutines at once.
type Session struct {
	name  string // of the file, for errors
	model *Model

	mu      sync.RWMutex // held for reading during a run, for writing by Close
	session *ort.DynamicAdvancedSession
	closed  bool
}

// Open loads a file. Close frees the session.
func Open(path string, o ...SessionOptions) (*Session, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return open(path, data, o...)
}

// open loads a file's bytes; path names them in errors, and its folder holds the
// elements that the model keeps in other files.
func open(path string, data []byte, options ...SessionOptions) (*Session, error) {
	s := &Session{name: path}
	if err := s.try(func() { s.open(data, options) }); err != nil {
		return nil, err
	}
	return s, nil
}

// try calls f, which may fail, and returns its error with the name of the file.
func (s *Session) try(f func()) error {
	err := fail.Catch(f)
	if err == nil || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("onnx: %s: %w", s.name, err)
}

func (s *Session) open(data []byte, options []SessionOptions) {
	m := fail.Or(decode(data))
	s.model = m
	for _, v := range slices.Concat(m.Inputs, m.Outputs) {
		fail.Or(elementType(v))
	}
	if len(m.Inputs) == 0 || len(m.Outputs) == 0 {
		fail.With("the graph has %d inputs and %d outputs; at least one of each is needed", len(m.Inputs), len(m.Outputs))
	}
	m.folder = filepath.Dir(s.name)
	external := false
	for _, t := range m.Tensors {
		if t.External != nil { // ONNX Runtime would name neither the tensor nor the fix
			r, _, err := m.Elements(t)
			fail.On(err)
			r.Close()
			external = true
		}
	}
	fail.On(startRuntime())
	threads := 1
	if len(options) > 0 && options[0].Threads > 0 {
		threads = options[0].Threads
	}
	so := fail.Or(sessionOptions(threads))
	defer func() { _ = so.Destroy() }()
	if external {
		folder := fail.Or(filepath.Abs(m.folder))
		fail.On(so.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", folder))
	}
	data, inputs, outputs := adapt(data, m)
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, so)
	if err != nil {
		fail.With("ONNX Runtime refuses it: %w", err)
	}
	s.session = session
}

// Inputs describes the inputs that Run takes.
func (s *Session) Inputs() []Value { return slices.Clone(s.model.Inputs) }

// Outputs describes the outputs that Run returns.
func (s *Session) Outputs() []Value { return slices.Clone(s.model.Outputs) }

// Metadata returns the metadata entries of the file.
func (s *Session) Metadata() map[string]string { return maps.Clone(s.model.Metadata) }

// Close waits for the runs in progress and frees the session. Closing again does
// nothing.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		_ = s.session.Destroy() // has nothing to report
	}
}

// Run computes the outputs, by name, for inputs on any device. The outputs are on the
// CPU.
func (s *Session) Run(feeds Feeds) (map[string]*torch.Tensor, error) {
	arrays, out := make(map[string]array, len(feeds)), map[string]*torch.Tensor{}
	err := s.try(func() {
		fail.On(torch.Try(func() {
			for name, t := range feeds {
				a := array{t.DType(), t.Shape(), nil}
				if v := find(s.model.Inputs, name); v != nil && s.model.widened(*v) {
					t = t.ToDType(torch.Float32)
				}
				a.data = t.Bytes()
				arrays[name] = a
			}
		}))
		results := s.run(arrays)
		fail.On(torch.Try(func() {
			for name, a := range results {
				t := torch.FromBytes(a.data, a.dtype, a.shape...)
				if v := find(s.model.Outputs, name); isHalf(*v) { // it came out as float32
					d, _ := torch.ParseDType(v.DType)
					t = t.ToDType(d)
				}
				out[name] = t
			}
		}))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// run computes the outputs. ONNX Runtime reads the inputs where they are in Go
// memory, which is pinned meanwhile.
func (s *Session) run(feeds map[string]array) map[string]array {
	s.model.check(feeds)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		fail.On(ErrClosed)
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	var inputs, outputs []ort.Value
	defer func() {
		for _, v := range append(inputs, outputs...) {
			// After an error the wrapper leaves a nil pointer of some type.
			if v != nil && !reflect.ValueOf(v).IsNil() {
				_ = v.Destroy()
			}
		}
	}()
	for _, v := range s.model.Inputs {
		a := feeds[v.Name]
		if s.model.widened(v) {
			a.dtype = torch.Float32
		}
		if len(a.data) == 0 { // the wrapper wants a byte, ONNX Runtime reads none
			a.data = make([]byte, 8)
		}
		pin.Pin(unsafe.SliceData(a.data))
		t, err := a.value()
		if err != nil {
			fail.With("input %q: %w", v.Name, err)
		}
		inputs = append(inputs, t)
	}
	each := 1 // values that stand for an output
	if s.model.adapted() {
		each = 2
	}
	outputs = make([]ort.Value, each*len(s.model.Outputs))
	fail.On(s.session.Run(inputs, outputs))
	results := make(map[string]array, len(s.model.Outputs))
	for i, v := range s.model.Outputs {
		a, err := copyOut(outputs[each*i])
		if err != nil {
			fail.With("output %q: %w", v.Name, err)
		}
		if each == 2 {
			a.shape = integers[int](outputs[2*i+1].(*ort.Tensor[int64]).GetData()) // Shape has no other results
		}
		results[v.Name] = a
	}
	return results
}

// RunSlices does the same as Run for models whose inputs and outputs are float32, and
// needs no libtorch. Elements are in row-major order; an input may have one free
// dimension, which follows from the slice's length, and a scalar has one element.
func (s *Session) RunSlices(feeds map[string][]float32) (map[string][]float32, error) {
	out := map[string][]float32{}
	err := s.try(func() {
		for _, v := range slices.Concat(s.model.Inputs, s.model.Outputs) {
			if v.DType != "float32" {
				fail.With("RunSlices: %s is not of float32; Run takes other types", v)
			}
		}
		arrays := make(map[string]array, len(feeds))
		for name, data := range feeds {
			a := array{dtype: torch.Float32, shape: []int{len(data)}, data: bytesOf(data)}
			if v := find(s.model.Inputs, name); v != nil {
				a.shape = fail.Or(v.fill(len(data)))
			}
			arrays[name] = a
		}
		for name, a := range s.run(arrays) {
			out[name] = sliceOf[float32](a.data)
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// fill returns v's shape for n elements.
func (v Value) fill(n int) ([]int, error) {
	shape, free, rest := make([]int, len(v.Shape)), -1, 1
	for i, d := range v.Shape {
		switch {
		case d.Size >= 0:
			shape[i], rest = d.Size, rest*d.Size
		case free >= 0:
			return nil, fmt.Errorf("input %s has several free dimensions; Run takes a tensor with a shape", v)
		default:
			free = i
		}
	}
	switch {
	case v.AnyShape || free >= 0 && rest == 0:
		return nil, fmt.Errorf("input %s: %d elements do not say which shape they have; Run takes a tensor with a shape", v, n)
	case free < 0 && n != rest || free >= 0 && n%rest != 0:
		return nil, fmt.Errorf("input %s: %d elements do not fill it", v, n)
	case free >= 0:
		shape[free] = n / rest
	}
	return shape, nil
}
