// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/trainer"
)

// groupError is why processes of a group end. A launcher sends those that are left a signal,
// which is not the reason.
type groupError struct{ error }

func (e groupError) Unwrap() error { return e.error }

// trainTogether trains networks in one of several processes.
func trainTogether(env *Env, o runs.Options, of dist.Options, settings runs.Overrides, networks []string) (summary runs.Summary, err error) {
	cut := func() bool {
		_, asked := errors.AsType[interrupted](err)
		return asked || errors.Is(err, trainer.ErrInterrupted)
	}
	defer func() {
		if err != nil && !cut() {
			err = groupError{err}
		}
	}()
	of.NCCL = o.Device.Type == torch.DeviceCUDA
	group, err := dist.Init(env.Context, of)
	if err != nil {
		if cut() { // it knows who is missing, which may be why a launcher asked
			env.say("etude: %v", sentence(err))
		}
		return nil, err
	}
	defer group.Close()
	o.Group = group
	plan, err := runs.NewPlan(o, settings, networks...)
	if err != nil {
		return nil, err
	}
	if t := plan.Trainings[0]; !env.follows {
		env.say("%v: each process computes a part of every batch, on %s with %s", group.World, t.Device, count(t.Threads, "thread"))
		cores, here := runtime.GOMAXPROCS(0), cmp.Or(os.Getenv("LOCAL_WORLD_SIZE"), "1") // torchrun's, and launch's
		if n, err := strconv.Atoi(here); err == nil && t.Threads > 1 && n*t.Threads > cores {
			env.say("%s of this machine share %s: --threads %d would be faster", count(n*t.Threads, "thread"), count(cores, "core"), max(1, cores/n))
		}
	}
	if summary, err = plan.Run(env.Context); !cut() {
		return summary, err
	}
	// All end with the exit code of the signal that one of them got.
	own, _ := errors.AsType[interrupted](context.Cause(env.Context))
	signal := []float64{float64(own.signal)}
	if group.AllReduceFloats(signal, dist.Max) == nil && signal[0] > 0 {
		err = errors.Join(err, interrupted{signal: syscall.Signal(signal[0])})
	}
	return summary, err
}
