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
	if err := bridge(); err != nil {
		return nil, err
	}
	e, err := ctorch.NewCUDAEvent(len(c) > 0 && c[0].Timing)
	if err != nil {
		return nil, wrap(err)
	}
	return &Event{newHandle(e, ctorch.CUDAEvent.Free)}, nil
}

func (e *Event) enter() (ctorch.CUDAEvent, func(), error) { return e.h.enter() }

// Record puts the mark behind what s has been given so far. An event belongs to
// the device of the first stream that it was recorded in.
func (e *Event) Record(s *Stream) error {
	h, leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	return wrap(h.Record(s.s))
}

// Synchronize waits until the work before the mark is done.
func (e *Event) Synchronize() error {
	h, leave, err := e.enter()
	if err != nil {
		return err
	}
	defer leave()
	return wrap(h.Synchronize())
}

// Query reports whether the work before the mark is done; true for an event that
// was never recorded.
func (e *Event) Query() (bool, error) {
	h, leave, err := e.enter()
	if err != nil {
		return false, err
	}
	defer leave()
	done, failed := h.Query()
	return done, wrap(failed)
}

// ElapsedTime returns the milliseconds from e to end. Both need Timing, and have
// to be recorded and done.
func (e *Event) ElapsedTime(end *Event) (float64, error) {
	from, leave, err := e.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	to, leaveEnd, err := end.enter()
	if err != nil {
		return 0, err
	}
	defer leaveEnd()
	ms, failed := from.Elapsed(to)
	return ms, wrap(failed)
}

// Close frees the event; closing again does nothing.
func (e *Event) Close() { e.h.close() }
