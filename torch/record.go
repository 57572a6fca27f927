// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

var (
	// ErrRefused is in the error of [Record] for a step that cannot be replayed; its text goes
	// on with the reason. What the step did is done, and it can be called as before.
	ErrRefused = errors.New("the step cannot be recorded")
	// ErrStopped is returned by [Recording.Replay] after [Recording.Stop].
	ErrStopped = errors.New("torch: the replay was stopped")
)

// Recording is a step that is replayed without Go, autograd and the allocation of memory: the
// operators that libtorch ran for it, in memory that stays.
//
//	x, y := torch.Zeros([]int{64, 96}), torch.Zeros([]int{64, 32}) // filled before each step
//	r, err := torch.Record(func() []*torch.Tensor {
//		opt.ZeroGrad()
//		loss := nn.MSELoss(model.Forward(x), y)
//		loss.Backward()
//		opt.Step()
//		return []*torch.Tensor{loss.Detach()}
//	})
//	for batch := range batches {
//		x.CopyInPlace(batch.X)
//		y.CopyInPlace(batch.Y)
//		err := r.Replay(1)
//		… r.Results()[0] …
//	}
//
// Only one goroutine may replay it at a time.
type Recording struct {
	mu      sync.Mutex // orders Call, Replay and Close
	h       ctorch.Recording
	step    func() []*Tensor
	calls   int // of the step, up to runs
	device  int // the number of the CUDA device that the step computes on; -1 for the CPU
	closed  bool
	cleanup runtime.Cleanup
	results []*Tensor
	bytes   int64 // that values share, for the collector
	before  []func() error
	steps   int
	stop    atomic.Int32
}

// recording counts steps that are being recorded: BeforeReplay looks for one only then.
var recording atomic.Int32

// Record calls step three times, for state that is born in the first, and to compare the
// second with the third. It returns what replays the step, on the CPU with the bits that
// calling it would give: each operator that writes into given memory, and a whole step, was
// compared with libtorch's. Its results stay where they are, for [Recording.Results].
//
// A CUDA graph (cuda.Graph) captures the third call of a step that computes on one GPU, and is
// launched for it and for each replay on the caller's stream; the host does not wait for it. Its
// random numbers come from the generators of the goroutine that recorded it, and it rounds the
// learning rate to float32. This was compiled and tested on a stand-in for CUDA; it has not run
// on a GPU.
//
// A replay reads and writes the tensors that the step used and did not make, such as weights,
// their optimizer's state and inputs. Random numbers are drawn from the generators of the
// goroutine that replays, in the order of the step. Numbers and decisions of Go's stay as they
// were, but for what [BeforeReplay] sees to, as the optimizers do for the learning rate.
//
// A step is refused, with an error that is [ErrRefused] and says why, where the host reads a
// value; where a shape depends on values, or memory is resized; where tensors are on different
// devices, sparse or conjugate; where random generators are seeded, or an operator is given one;
// where two steps are not the same: other operators, another number, an input that is made anew
// or by the step before; and where a replay does not give the step's bits, as with values that
// nobody wrote. A panic of step's with an *[Error] is returned, too. If it is the capture that
// fails, step is called a fourth time, because the third has done nothing on the GPU.
//
// Gradients that a replay makes are not in [Tensor.Grad]. Where Go code gives the
// optimizer or the network other tensors, as LoadStateDict of an optimizer does, the step has
// to be recorded anew.
func Record(step func() []*Tensor) (*Recording, error) {
	r, err := NewRecording(step)
	for err == nil && !r.Ready() {
		if err = r.Call(); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, err
}

// NewRecording returns a Recording of a step that [Recording.Call] has to call until it is
// [Recording.Ready]: what Record does at once, for a loop that does something between its steps.
func NewRecording(step func() []*Tensor) (*Recording, error) {
	mustInit("Record")
	if step == nil {
		return nil, errors.New("torch: Record: the step is nil")
	}
	h, failed := ctorch.NewRecording()
	if failed != nil {
		return nil, fmt.Errorf("torch: Record: %w", failed)
	}
	r := &Recording{h: h, step: step}
	r.cleanup = runtime.AddCleanup(r, ctorch.Recording.Free, h)
	return r, nil
}

// Ready reports whether the step is recorded and can be replayed.
func (r *Recording) Ready() bool { return r.calls == runs }

// Call calls the step once, as a program without a recording does. The first three calls record
// it. Later ones compare it with what was recorded, because Go's numbers and decisions may have
// changed since: where the step is another one now, the error is [ErrRefused], and the
// recording still that of the step before. The step has been called then, too.
func (r *Recording) Call() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errors.New("torch: Call: the recording is closed")
	}
	if refused := r.prepare(); refused != nil {
		if err := Try(func() { Scope(func() { r.step() }) }); err != nil {
			return err
		}
		return refused
	}
	before := r.before
	if err := r.record(); err != nil {
		r.before = before
		return err
	}
	if r.calls++; r.calls == runs { // the collector does not see what C++ holds for it
		r.bytes = r.h.Plan().Bytes
		r.cleanup.Stop()
		h := r.h
		r.cleanup = runtime.AddCleanup(r, func(bytes int64) { h.Free(); disown(bytes) }, r.bytes)
		own(r.bytes)
	}
	r.calls = min(r.calls, runs)
	return nil
}

// keep takes the results of the last step over.
func (r *Recording) keep(n int) {
	hs, err := r.h.Results(n)
	check("Record", err)
	for _, h := range hs {
		r.results = append(r.results, wrap(h, 0, 0))
	}
}

const runs = 3 // of a step, until it is recorded

// record calls the step, and records it except for the first time.
func (r *Recording) record() (err error) {
	r.before = nil
	recording.Add(1)
	defer recording.Add(-1)
	if failed := Try(func() {
		Scope(func() {
			scopeByID(ctorch.Scope()).before = &r.before
			if r.calls == 0 {
				r.step()
				return
			}
			defer r.h.Abandon()
			last := r.calls == runs-1
			captures := last && r.device >= 0
			var results []*Tensor
			call := func() {
				check("Record", r.h.Begin())
				results = r.step()
			}
			if !captures {
				call()
			} else if err = r.capture(call); err != nil {
				r.h.Abandon()
				r.step()
				return
			}
			err = r.end(results)
			if captures { // which does not do the step
				_, failed := r.h.Replay(1, new(atomic.Int32))
				check("Record", failed)
				s, failed := ctorch.CurrentCUDAStream(r.device)
				check("Record", failed)
				check("Record", s.Synchronize())
			}
			if err == nil && last {
				r.keep(len(results))
			}
		})
	}); failed != nil {
		return failed
	}
	return err
}

// capture makes a CUDA graph of what f launches.
func (r *Recording) capture(f func()) error {
	err := ctorch.CUDA()
	if err == nil {
		s, failed := ctorch.CurrentCUDAStream(r.device)
		if failed == nil && s.ID == 0 { // the default stream cannot be captured
			s, failed = ctorch.NewCUDAStream(r.device, false)
		}
		check("Record", failed)
		g, failed := ctorch.NewCUDAGraph()
		check("Record", failed)
		r.h.Launch(g)
		err = g.Capture(s, ctorch.CUDAPool{}, true, func() error { return Try(f) })
	}
	if err != nil {
		return fmt.Errorf("torch: Record: %w: %w", ErrRefused, err)
	}
	return nil
}

// end ends a step that was recorded.
func (r *Recording) end(results []*Tensor) error {
	handles := make([]ctorch.Handle, len(results))
	for i, t := range results {
		handles[i] = t.enter("Record")
		defer t.ref.Leave()
	}
	device, refused, err := r.h.End(handles)
	if refused != "" {
		return fmt.Errorf("torch: Record: %w: %s", ErrRefused, refused)
	}
	check("Record", err)
	r.device = device
	return nil
}

// BeforeReplay lets f be called before each replay of the step that the calling goroutine is
// recording, for what Go decides from step to step: f can fill a tensor that the step reads,
// or return an error where the step would be another one now. Outside of [Record] it does
// nothing and returns false.
func BeforeReplay(f func() error) bool {
	if recording.Load() == 0 {
		return false
	}
	s := scopeByID(ctorch.Scope())
	if s == nil || s.before == nil {
		return false
	}
	*s.before = append(*s.before, f)
	return true
}

// prepare does what [BeforeReplay] was given.
func (r *Recording) prepare() error {
	for _, f := range r.before {
		if err := f(); err != nil {
			return fmt.Errorf("torch: Replay: %w: %w", ErrRefused, err)
		}
	}
	return nil
}

// Replay does n steps, or none with an error that is [ErrRefused]: where a function of
// BeforeReplay returns an error. A step that fails is done in part.
func (r *Recording) Replay(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errors.New("torch: Replay: the recording is closed")
	}
	if !r.Ready() {
		return errors.New("torch: Replay: the step is not recorded yet: Call comes first, until Ready")
	}
	if err := r.prepare(); err != nil {
		return err
	}
	done, err := r.h.Replay(n, &r.stop)
	r.steps += done
	switch {
	case err != nil:
		return fmt.Errorf("torch: Replay: %w", err)
	case done < n:
		r.stop.Store(0)
		return ErrStopped
	}
	return nil
}

// Stop lets a Replay that is in progress, or else the next one, return after the step that is
// under way. It may be called on any goroutine.
func (r *Recording) Stop() { r.stop.Store(1) }

// Steps returns how many steps were replayed.
func (r *Recording) Steps() int { return r.steps }

// Results returns the tensors that the step returned. Each replay writes to them.
func (r *Recording) Results() []*Tensor { return r.results }

// RecordingPlan says how many operators a step has, and what becomes of them in a replay.
type RecordingPlan struct {
	Recorded int // the rest is 0 on a GPU
	// Those that are not run: views; what nobody reads; what never changes; copies and
	// concatenations, whose parts are made where they lie in the whole.
	Views, Dead, Hoisted, Copies, Cats int
	// Those that are run: as code of the bridge's own, by a variant of the operator that
	// writes into given memory, and as in an eager step.
	Lowered, Out, Called int
	Bytes                int64 // of memory that values share
}

// Plan returns what is left of the step.
func (r *Recording) Plan() RecordingPlan {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return RecordingPlan{}
	}
	return RecordingPlan(r.h.Plan())
}

// Close frees the recording and its results; closing again does nothing.
func (r *Recording) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed, r.step, r.before = true, nil, nil
	r.cleanup.Stop()
	r.h.Free()
	disown(r.bytes)
	for _, t := range r.results {
		t.Close()
	}
}
