// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import "github.com/etude-ml/etude/torch/internal/ctorch"

// WatchedCall is a call of an operator that [Watch] reports. Its tensors are closed when the
// function that is told of it returns.
type WatchedCall struct {
	Op string // with its overload: "aten::add.Tensor"
	// Inputs are its arguments that are tensors, Results what it made or, in place, changed.
	Inputs, Results []*Tensor
	Caller          string // as in [Node]
}

// Watch calls f, and see after each operator that f calls on its goroutine. What see itself
// calls is not seen. It serves to look for numbers that are not finite, or to count.
func Watch(f func(), see func(WatchedCall)) {
	mustInit("Watch")
	tracing.Add(1)
	defer tracing.Add(-1)
	runScope(f, &watcher{see: see})
}

type watcher struct {
	see     func(WatchedCall)
	looking bool
	last    WatchedCall // without tensors
	inputs  []int64     // of that call, for recordList
}

func (w *watcher) record(o *op, f *ctorch.Frame, discard bool) {
	if w.looking {
		return
	}
	w.last = WatchedCall{Op: o.fullName(), Caller: caller()}
	w.inputs = nil
	var results []int64
	for i, v := range f.Args {
		for _, h := range f.Handles(v) {
			w.inputs = append(w.inputs, int64(h))
			if i == 0 && discard {
				results = append(results, int64(h))
			}
		}
	}
	lists := false
	for _, v := range f.Results[:f.N] {
		switch v.Tag {
		case ctorch.Tensor:
			results = append(results, v.Bits)
		case ctorch.OptionalTensors:
			lists = true
		}
	}
	if !lists { // which recordList receives
		w.report(results)
	}
}

func (w *watcher) recordList(words []int64) {
	if !w.looking {
		w.report(words)
	}
}

func (w *watcher) report(results []int64) {
	w.looking = true
	defer func() { w.looking = false }()
	var held []*Tensor
	tensors := func(words []int64) []*Tensor {
		from := len(held)
		for _, word := range words {
			if word != 0 {
				held = append(held, hold(ctorch.Handle(word)))
			}
		}
		return held[from:]
	}
	call := w.last
	call.Inputs, call.Results = tensors(w.inputs), tensors(results)
	defer func() {
		for _, t := range held {
			t.Close()
		}
	}()
	w.see(call)
}
