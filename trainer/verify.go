// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// ResumeReport holds the findings of VerifyResume.
type ResumeReport struct {
	Epochs  int   `json:"epochs"`  // of the uninterrupted run
	Steps   int   `json:"steps"`   // its batches
	Breaks  []int `json:"breaks"`  // after how many of them the other run was interrupted
	Tensors int   `json:"tensors"` // compared at the end and at each break

	// SHA-256 of the uninterrupted run's final weights, state of the optimizer, and
	// history without times.
	Weights   string `json:"weights"`
	Optimizer string `json:"optimizer"`
	History   string `json:"history"`

	Difference *Difference `json:"difference"` // the first; nil where all is the same, bit for bit
}

// Difference is the first value in which the interrupted run departs.
type Difference struct {
	Step    int    `json:"step"`    // after so many batches
	Name    string `json:"name"`    // such as "model fc1.weight", "optimizer state.0.exp_avg", "history val_losses"
	Whole   string `json:"whole"`   // SHA-256 in the uninterrupted run; "" where there is none
	Resumed string `json:"resumed"` // in the interrupted one
}

// String returns one line.
func (d Difference) String() string {
	return fmt.Sprintf("after batch %d: %s: SHA-256 %.12s… without a break, %.12s… with", d.Step, d.Name, d.Whole, d.Resumed)
}

// VerifyResume proves, on this machine and this data, that a run which is
// interrupted and resumed ends as one that never was: with the same weights, state
// of the optimizer and history, bit for bit. While the interrupted run trains,
// another one trains beside it: the first run's network, on from its end. So a run
// that depends on what else the process does is found out as well.
//
// build makes the run, from the same seed each time; it is called once for the
// uninterrupted run and once for each part of the interrupted one. Its Save,
// Resume and ResumeFrom are replaced: checkpoints go to a temporary folder. stopAt
// holds after how many batches, counted over all epochs, to interrupt; nil for the
// first, the last of an epoch, and one in the middle of the next.
//
// A difference is no error: the report holds the first. The garbage collector frees what
// build makes, unless the caller does.
func VerifyResume(ctx context.Context, build func() (Run, error), stopAt []int) (report ResumeReport, err error) {
	folder, err := os.MkdirTemp("", "etude-verify-resume-")
	if err != nil {
		return report, fmt.Errorf("trainer: checkpoints need room for a while: %w; name another folder in TMPDIR", err)
	}
	defer os.RemoveAll(folder)
	v := &verification{ctx: ctx, build: build, stops: stopAt, folder: folder, at: map[int]digest{}}
	tried := torch.Try(func() {
		before := torch.RNGState(torch.CPU)
		defer before.Close()
		defer torch.SetRNGState(torch.CPU, before)
		if err = v.whole(); err == nil {
			err = v.broken()
		}
	})
	if err = errors.Join(err, tried); err != nil {
		err = fmt.Errorf("trainer: verifying resume: %w", err)
	}
	return v.report, err
}

type verification struct {
	ctx    context.Context
	build  func() (Run, error)
	stops  []int // ascending
	folder string
	at     map[int]digest // the uninterrupted run after so many batches
	beside Run            // trains beside the interrupted run
	end    digest
	report ResumeReport
}

// digest is the hash of everything in a run, in order.
type digest []struct{ name, hash string }

// whole trains without a break, and takes digests where the other run will have
// one.
func (v *verification) whole() error {
	run, err := v.build()
	if err != nil {
		return err
	}
	run.Save, run.Resume, run.ResumeFrom = filepath.Join(v.folder, "whole"), false, ""
	if v.stops == nil && !isNil(run.Train) {
		sized := run
		sized.BatchSize = max(cmp.Or(run.BatchSize, DefaultBatchSize), 1)
		n := (len(sized.order(0)) + sized.BatchSize - 1) / sized.BatchSize
		v.stops = []int{1, n, n + n/2 + 1}
	}
	slices.Sort(v.stops)
	v.stops = slices.Compact(v.stops)
	if len(v.stops) > 0 && v.stops[0] < 1 {
		return fmt.Errorf("a break after %d batches; the first can be after 1", v.stops[0])
	}
	afterStep(&run, func() {
		v.report.Steps++
		if slices.Contains(v.stops, v.report.Steps) {
			v.at[v.report.Steps] = take(run)
		}
	})
	v.beside = Run{
		Model: run.Model, Loss: run.Loss, Step: run.Step, Optimizer: run.Optimizer, Train: run.Train, Val: run.Val,
		Epochs: math.MaxInt32, BatchSize: run.BatchSize, Seed: run.Seed + 1, Sampler: run.Sampler, DropLast: run.DropLast, Threads: run.Threads, KeepDenormals: run.KeepDenormals,
	}
	history, err := run.Fit(v.ctx)
	if err != nil {
		return err
	}
	if len(v.at) == 0 {
		return fmt.Errorf("no break is in the run, which has %d batches", v.report.Steps)
	}
	v.end = append(take(run), historyDigest(history)...)
	v.report.Epochs, v.report.Tensors = len(history.Epochs), len(take(run))
	v.report.Weights, v.report.Optimizer, v.report.History = v.end.sum("model "), v.end.sum("optimizer "), v.end.sum("history ")
	return nil
}

// broken trains with a break at each stop, in a fresh run after each.
func (v *verification) broken() error {
	done := 0
	for part := 0; ; part++ {
		run, err := v.build()
		if err != nil {
			return err
		}
		run.Save, run.Resume, run.ResumeFrom = filepath.Join(v.folder, "broken"), part > 0, ""
		if part > 0 {
			torch.ManualSeed(uint64(part)) // whatever the process has left must not matter
		}
		ctx, interrupt := context.WithCancelCause(v.ctx)
		stop := errors.New("a break to verify")
		from := done
		afterStep(&run, func() {
			if done++; done > from && slices.Contains(v.stops, done) {
				interrupt(stop)
			}
		})
		var history *History
		v.besideAnother(func() { history, err = run.Fit(ctx) })
		interrupt(nil)
		switch {
		case err == nil:
			v.compare(done, v.end, append(take(run), historyDigest(history)...))
			return nil
		case !errors.Is(err, stop):
			return err
		}
		v.report.Breaks = append(v.report.Breaks, done)
		v.compare(done, v.at[done], take(run))
		if part > len(v.stops) {
			return errors.New("the run was interrupted more often than asked for")
		}
	}
}

// besideAnother calls f while another run trains, which draws random numbers too.
// How that one fares does not matter.
func (v *verification) besideAnother(f func()) {
	ctx, stop := context.WithCancel(v.ctx)
	started, done := make(chan struct{}), make(chan struct{})
	other, once := v.beside, sync.Once{}
	other.AroundStep = func(step func()) {
		step()
		once.Do(func() { close(started) })
	}
	go func() {
		defer close(done)
		_, _ = other.Fit(ctx)
		once.Do(func() { close(started) })
	}()
	<-started
	f()
	stop()
	<-done
}

// compare keeps the first difference of all.
func (v *verification) compare(step int, whole, resumed digest) {
	if v.report.Difference != nil {
		return
	}
	hashes := map[string]string{}
	for _, d := range resumed {
		hashes[d.name] = d.hash
	}
	for _, d := range whole {
		if hash := hashes[d.name]; hash != d.hash {
			v.report.Difference = &Difference{step, d.name, d.hash, hash}
			return
		}
		delete(hashes, d.name)
	}
	for _, d := range resumed {
		if _, more := hashes[d.name]; more {
			v.report.Difference = &Difference{step, d.name, "", d.hash}
			return
		}
	}
}

// afterStep calls f after each step of a run, after whatever it does already.
func afterStep(run *Run, f func()) {
	around := run.AroundStep
	run.AroundStep = func(step func()) {
		if around == nil {
			step()
		} else {
			around(step)
		}
		f()
	}
}

// take hashes a run's weights and the state of its optimizer.
func take(run Run) (d digest) {
	torch.Scope(func() {
		d.add("model ", nn.StateDict(run.Model))
		d.add("optimizer ", run.Optimizer.StateDict())
		if run.Scheduler != nil {
			d.add("scheduler ", run.Scheduler.StateDict())
		}
		if run.Scaler != nil {
			d.add("scaler ", run.Scaler.StateDict())
		}
	})
	return d
}

// add hashes the values of a tree by their paths.
func (d *digest) add(path string, v any) {
	below := func(key any) string {
		if strings.HasSuffix(path, " ") {
			return path + fmt.Sprint(key)
		}
		return fmt.Sprint(path, ".", key)
	}
	switch v := v.(type) {
	case *torch.Dict:
		for key, x := range v.All() {
			d.add(below(key), x)
		}
	case []any:
		for i, x := range v {
			d.add(below(i), x)
		}
	case *torch.Tensor:
		d.put(path, v.Bytes())
	default:
		d.put(path, fmt.Append(nil, v))
	}
}

func (d *digest) put(name string, content []byte) {
	hash := sha256.Sum256(content)
	*d = append(*d, struct{ name, hash string }{name, hex.EncodeToString(hash[:])})
}

// historyDigest hashes the lists of a history but its times.
func historyDigest(h *History) (d digest) {
	put := func(name string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte(err.Error())
		}
		d.put("history "+name, text)
	}
	for _, c := range columns {
		if !c.physical {
			put(c.name, pointers(h.list(c.name)))
		}
	}
	more := h.more()
	for _, name := range slices.Sorted(maps.Keys(more)) {
		put(name, pointers(more[name]))
	}
	put("best_epoch", h.BestEpoch)
	put("stop_reason", h.StopReason)
	return d
}

// sum returns one hash of all that begins with prefix.
func (d digest) sum(prefix string) string {
	h := sha256.New()
	for _, x := range d {
		if strings.HasPrefix(x.name, prefix) {
			fmt.Fprintf(h, "%s %s\n", x.name, x.hash)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
