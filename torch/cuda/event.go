// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda

import "github.com/etude-ml/etude/torch/internal/ctorch"

// Event is a mark in a stream.
type Event struct{ h *handle[ctorch.CUDAEvent] }

// EventConfig says what an event can do. The zero value is PyTorch's default.
type EventConfig struct {
	Timing bool // for ElapsedTime; costs a little
}

// NewEvent makes an event that is not recorded yet. Close frees it, or the garbage
// collector once nobody can reach it.
func NewEvent(c ...EventConfig) (*Event, error) {
	e, err := get(func() (ctorch.CUDAEvent, *ctorch.Error) { return ctorch.NewCUDAEvent(len(c) > 0 && c[0].Timing) })
	if err != nil {
		return nil, err
	}
	return &Event{newHandle(e, ctorch.CUDAEvent.Free)}, nil
}

// Record puts the mark behind what s has been given so far. An event belongs to
// the device of the first stream that it was recorded in.
func (e *Event) Record(s *Stream) error {
	return use(e.h, func(h ctorch.CUDAEvent) *ctorch.Error { return h.Record(s.s) })
}

// Synchronize waits until the work before the mark is done.
func (e *Event) Synchronize() error { return use(e.h, ctorch.CUDAEvent.Synchronize) }

// Query reports whether the work before the mark is done; true for an event that
// was never recorded.
func (e *Event) Query() (done bool, err error) { return ask(e.h, ctorch.CUDAEvent.Query) }

// ElapsedTime returns the milliseconds from e to end. Both need Timing, and have
// to be recorded and done.
func (e *Event) ElapsedTime(end *Event) (ms float64, err error) {
	from, leave, err := e.h.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	return ask(end.h, from.Elapsed)
}

// Close frees the event; closing again does nothing.
func (e *Event) Close() { e.h.close() }

// WaitEvent makes what s is given from now on wait for e; the host does not wait.
func (s *Stream) WaitEvent(e *Event) error {
	if err := bridge(); err != nil {
		return err
	}
	return use(e.h, s.s.Wait)
}

// WaitStream makes what s is given from now on wait for what o has been given so
// far; the host does not wait.
func (s *Stream) WaitStream(o *Stream) error {
	e, err := NewEvent()
	if err != nil {
		return err
	}
	defer e.Close()
	if err := e.Record(o); err != nil {
		return err
	}
	return s.WaitEvent(e)
}
