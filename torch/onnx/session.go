// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// ErrClosed is returned by a Session after Close.
var ErrClosed = errors.New("onnx: the session is closed")

// Feeds are the inputs of a run, by name.
type Feeds map[string]*torch.Tensor

// Session runs an ONNX file in ONNX Runtime. Its methods may be called by any number of
// goroutines at once.
type Session struct {
	name      string // of the file, for errors
	model     *Model
	providers []ProviderUse
	scalars   atomic.Pointer[[]bool] // the outputs that were scalars in the last run

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
func (s *Session) try(f func()) error { return s.named(fail.Catch(f)) }

// named adds the name of the file to an error.
func (s *Session) named(err error) error {
	if err == nil || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("onnx: %s: %w", s.name, err)
}

func (s *Session) open(data []byte, options []SessionOptions) {
	m := fail.Or(decode(data))
	s.model = m
	for _, v := range slices.Concat(m.Inputs, m.Outputs) {
		elementType(v)
	}
	if len(m.Inputs) == 0 || len(m.Outputs) == 0 {
		fail.With("the graph has %d inputs and %d outputs; at least one of each is needed", len(m.Inputs), len(m.Outputs))
	}
	m.folder = filepath.Dir(s.name)
	for _, t := range m.Tensors {
		if t.External != nil { // ONNX Runtime would name neither the tensor nor the fix
			r, _, err := m.Elements(t)
			fail.On(err)
			r.Close()
		}
	}
	scalars := collect(m.Outputs, func(v Value) bool { return len(v.Shape) == 0 && !v.AnyShape })
	s.scalars.Store(&scalars)
	fail.On(startRuntime())
	data, inputs, outputs := adapt(data, m)
	s.session, s.providers = append(options, SessionOptions{})[0].start(data, inputs, outputs, m.folder)
}

// Inputs describes the inputs that Run takes.
func (s *Session) Inputs() []Value { return slices.Clone(s.model.Inputs) }

// Outputs describes the outputs that Run returns.
func (s *Session) Outputs() []Value { return slices.Clone(s.model.Outputs) }

// Metadata returns the metadata entries of the file.
func (s *Session) Metadata() map[string]string { return maps.Clone(s.model.Metadata) }

// Providers lists the execution providers of [SessionOptions], or the CPU, and which of
// them are in use.
func (s *Session) Providers() []ProviderUse { return slices.Clone(s.providers) }

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

// call runs the session. When ctx ends, ONNX Runtime finishes the operator that it is at,
// and the error is ctx's cause.
func (s *Session) call(ctx context.Context, inputs, outputs []ort.Value) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	if ctx.Done() == nil {
		return s.session.Run(inputs, outputs)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = o.Terminate()
		close(ended)
	})
	err = s.session.RunWithOptions(inputs, outputs, o)
	if !stop() {
		<-ended
		if err != nil {
			err = context.Cause(ctx)
		}
	}
	_ = o.Destroy()
	return err
}

// run computes the outputs for inputs in the order of the model's. ONNX Runtime reads the
// inputs where they are in Go memory.
func (s *Session) run(ctx context.Context, feeds []Array) []Array {
	var pin runtime.Pinner
	defer pin.Unpin()
	inputs := make([]ort.Value, len(feeds))
	defer destroy(inputs)
	for i, a := range feeds {
		if s.model.widened(s.model.Inputs[i]) {
			a.dtype = torch.Float32
		}
		inputs[i] = a.value(&pin)
	}
	outputs := s.results(ctx, inputs)
	defer destroy(outputs)
	arrays := make([]Array, len(outputs))
	for i, v := range s.model.Outputs {
		arrays[i] = arrayOf(v, outputs[i])
	}
	return arrays
}

// results runs the session and returns its results. The wrapper reads a scalar only if it
// has a place before the run, and what a model declares as a scalar need not be one, or the
// other way round. A run that fails for this reason is made again, and what it showed is
// kept for the next one.
func (s *Session) results(ctx context.Context, inputs []ort.Value) []ort.Value {
	scalars := *s.scalars.Load()
	for again := false; ; again = true {
		values := make([]ort.Value, len(s.model.Outputs))
		for i, v := range s.model.Outputs {
			if scalars[i] {
				place := Array{dtype: elementType(v), data: make([]byte, 8)}
				if s.model.isHalf(v) {
					place.dtype = torch.Float32
				}
				values[i] = place.value(nil)
			}
		}
		err := s.call(ctx, inputs, values)
		if err == nil {
			if again {
				s.scalars.Store(&scalars)
			}
			return values
		}
		destroy(values)
		switch {
		case errors.Is(err, ort.ZeroShapeLengthError):
			scalars = slices.Clone(scalars)
			scalars[slices.IndexFunc(values, missing)] = true
		case !again && slices.Contains(scalars, true):
			scalars = make([]bool, len(scalars))
		default:
			fail.On(err)
		}
	}
}

// WarmUp runs the model once on zeros, with free dimensions of the given size, and drops the
// results. A first run takes longer than others: memory is allocated, and TensorRT compiles
// the model for each size. It is an error if the size is below 1, or if an input would take
// more than 1 GiB: the system would end a process that asks for too much memory.
func (s *Session) WarmUp(ctx context.Context, size int) error {
	const most = 1 << 30
	return s.try(func() {
		if size < 1 {
			fail.With("WarmUp: the size is %d; it must be at least 1", size)
		}
		s.run(ctx, collect(s.model.Inputs, func(v Value) Array {
			a := Array{dtype: elementType(v)}
			n := a.dtype.Size()
			for _, d := range v.Shape {
				if d.Size < 0 {
					d.Size = size
				}
				if d.Size > 0 && n > most/d.Size {
					fail.With("WarmUp: with free dimensions of %d, the input %s takes more than 1 GiB; give the size of a usual run", size, v)
				}
				a.shape, n = append(a.shape, d.Size), n*d.Size
			}
			a.data = make([]byte, max(8, n)) // 8 are enough for any scalar
			return a
		}))
	})
}

// Run computes the outputs, by name, for inputs on any device. The outputs are on the
// CPU. When ctx ends, ONNX Runtime finishes the operator that it is at, and Run returns
// ctx's cause; the session stays usable.
func (s *Session) Run(ctx context.Context, feeds Feeds) (map[string]*torch.Tensor, error) {
	out := make(map[string]*torch.Tensor, len(s.model.Outputs))
	err := s.try(func() {
		fail.On(torch.Try(func() {
			arrays := arrange("input", s.model.Inputs, feeds, func(v Value, t *torch.Tensor) Array {
				a := Array{t.DType(), t.Shape(), nil}
				if s.model.widened(v) {
					t = t.ToDType(torch.Float32)
				}
				a.data = t.Bytes()
				return a
			})
			for i, a := range s.run(ctx, arrays) {
				t, v := torch.FromBytes(a.data, a.dtype, a.shape...), s.model.Outputs[i]
				if s.model.isHalf(v) { // it came out as float32
					t = t.ToDType(fail.Or(torch.ParseDType(v.DType)))
				}
				out[v.Name] = t
			}
		}))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RunSlices does the same as Run for models whose inputs and outputs are float32, and
// needs no libtorch. Elements are in row-major order; an input may have one free
// dimension, which follows from the slice's length, and a scalar has one element.
func (s *Session) RunSlices(ctx context.Context, feeds map[string][]float32) (map[string][]float32, error) {
	out := make(map[string][]float32, len(s.model.Outputs))
	err := s.try(func() {
		for _, vs := range [][]Value{s.model.Inputs, s.model.Outputs} {
			for _, v := range vs {
				if v.DType != torch.Float32.String() {
					fail.With("RunSlices: %s is not of float32; Run takes other types", v)
				}
			}
		}
		arrays := arrange("input", s.model.Inputs, feeds, func(v Value, data []float32) Array { return v.fill(ArrayOf(data)) })
		for i, a := range s.run(ctx, arrays) {
			out[s.model.Outputs[i].Name] = sliceOf[float32](a.data)
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
