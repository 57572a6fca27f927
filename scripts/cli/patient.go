// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"
)

// lastPatience limits the time of a write after an interrupt. A terminal or a pipe takes
// it at once, unless its reader has stopped reading.
const lastPatience = time.Second

// patient is an output that waits for its reader until the program is interrupted. Then
// it gives up, because text that cannot be shown must not keep a training from being
// saved.
type patient struct {
	w     io.Writer
	ctx   context.Context
	turn  chan struct{} // holds one token while a write is under way
	stuck chan struct{} // closed when a write was given up
}

func newPatient(ctx context.Context, w io.Writer) *patient {
	return &patient{w: w, ctx: ctx, turn: make(chan struct{}, 1), stuck: make(chan struct{})}
}

// Write writes b, or fails with [os.ErrDeadlineExceeded].
func (p *patient) Write(b []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	select {
	case p.turn <- struct{}{}:
	case <-p.stuck:
		return 0, os.ErrDeadlineExceeded
	}
	b = bytes.Clone(b) // a write that was given up may still read it
	written := make(chan result, 1)
	go func() {
		n, err := p.w.Write(b)
		written <- result{n, err}
	}()
	select {
	case r := <-written:
		<-p.turn
		return r.n, r.err
	case <-p.ctx.Done():
	}
	select {
	case r := <-written:
		<-p.turn
		return r.n, r.err
	case <-time.After(lastPatience):
		close(p.stuck) // and the turn is never given back
		return 0, os.ErrDeadlineExceeded
	}
}

// Fd returns the descriptor of a file, for a terminal's size.
func (p *patient) Fd() uintptr {
	if f, ok := p.w.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}
