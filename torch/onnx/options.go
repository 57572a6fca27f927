// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// SessionOptions are options of [Open].
type SessionOptions struct {
	// Providers say what runs the operators: each runs those that it can and that no
	// provider before it runs. None stands for the CPU. It is an error if one of them
	// cannot be used, or if an operator is left over, unless CPU is the last of the list:
	// then the CPU runs the rest, and [Session.Providers] says why.
	Providers []Provider

	// Threads is how many threads one operator may use; 0 means 1, which is
	// fastest for small networks and leaves the cores to other goroutines.
	Threads int
	// InterOpThreads is how many operators that do not need each other run at once; 0
	// means 1.
	InterOpThreads int
	// Spinning lets threads that wait for work keep their cores busy. It saves some
	// microseconds where Threads is above 1, and slows down everything else on the machine.
	Spinning bool
}

// Provider names an execution provider of ONNX Runtime, which runs operators on one kind
// of processor.
type Provider struct {
	// Name is CPU, CUDA or TensorRT, or ONNX Runtime's own name, such as
	// CUDAExecutionProvider.
	Name string
	// Options are ONNX Runtime's for CUDA or TensorRT, for example
	// {"device_id": "1"}.
	Options map[string]string
}

// ProviderUse says whether an execution provider is in use.
type ProviderUse struct {
	Name string // as ONNX Runtime calls it: CUDAExecutionProvider
	Err  error  // why it is not in use; nil where it is
}

// providers lists the execution providers that are known. The CPU is always there.
var providers = []struct {
	short, name string
	add         func(*ort.SessionOptions, map[string]string) error
}{
	{"TensorRT", "TensorrtExecutionProvider", adder(ort.NewTensorRTProviderOptions, (*ort.SessionOptions).AppendExecutionProviderTensorRT)},
	{"CUDA", "CUDAExecutionProvider", adder(ort.NewCUDAProviderOptions, (*ort.SessionOptions).AppendExecutionProviderCUDA)},
	{"CPU", "CPUExecutionProvider", nil},
}

const cpu = 2

// adder returns a function that adds a provider to a session's options.
func adder[O interface {
	Update(map[string]string) error
	Destroy() error
}](create func() (O, error), add func(*ort.SessionOptions, O) error) func(*ort.SessionOptions, map[string]string) error {
	return func(so *ort.SessionOptions, options map[string]string) error {
		o, err := create()
		if err != nil {
			return err
		}
		defer func() { _ = o.Destroy() }()
		if err := o.Update(options); err != nil {
			return err
		}
		return add(so, o)
	}
}

// chosen returns the places of the providers in their table.
func (o SessionOptions) chosen() (list []int) {
	for i, p := range o.Providers {
		k := 0
		for k < len(providers) && !strings.EqualFold(p.Name, providers[k].short) && !strings.EqualFold(p.Name, providers[k].name) {
			k++
		}
		switch {
		case k == len(providers):
			fail.With("there is no execution provider %q; want CPU, CUDA or TensorRT", p.Name)
		case slices.Contains(list, k):
			fail.With("the execution provider %s is listed twice", p.Name)
		case k == cpu && i < len(o.Providers)-1:
			fail.With("the CPU runs every operator, so nothing is left for %s after it: put CPU at the end of the list", o.Providers[i+1].Name)
		case k == cpu && len(p.Options) > 0:
			fail.With("the execution provider CPU has no options; the number of threads is in SessionOptions")
		}
		list = append(list, k)
	}
	if len(list) == 0 {
		list = []int{cpu}
	}
	return list
}

// start makes a session of a model's bytes, with further entries of its configuration.
func (o SessionOptions) start(data []byte, inputs, outputs []string, entries map[string]string) (*ort.DynamicAdvancedSession, []ProviderUse) {
	chosen := o.chosen()
	rest := chosen[len(chosen)-1] == cpu // whether the CPU runs what is left over
	uses := collect(chosen, func(k int) ProviderUse { return ProviderUse{Name: providers[k].name} })
	for {
		so := fail.Or(o.settings(entries, rest))
		at := -1 // the provider to blame: the one that cannot be added, or the first of the others
		var err error
		for i, k := range chosen {
			if k == cpu || uses[i].Err != nil {
				continue
			}
			if err = providers[k].add(so, o.Providers[i].Options); err != nil || at < 0 {
				at = i
			}
			if err != nil {
				break
			}
		}
		var session *ort.DynamicAdvancedSession
		if err == nil {
			session, err = ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, so)
		}
		_ = so.Destroy()
		switch {
		case err == nil:
			return session, uses
		case at < 0:
			fail.With("ONNX Runtime refuses it: %w", err)
		case !rest:
			fail.With("%s cannot run it: %w. Available here: %s. Put CPU at the end of the list to run there what others cannot run, or let $ETUDE_ONNXRUNTIME name the libonnxruntime.so of another build, such as the package onnxruntime-gpu",
				uses[at].Name, err, strings.Join(available(), ", "))
		}
		uses[at].Err = err // the next attempt does without it
	}
}

// settings returns the options of a session, without its providers.
func (o SessionOptions) settings(entries map[string]string, rest bool) (*ort.SessionOptions, error) {
	so, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	set := func(err2 error) {
		if err == nil {
			err = err2
		}
	}
	set(so.SetIntraOpNumThreads(max(1, o.Threads)))
	set(so.SetInterOpNumThreads(max(1, o.InterOpThreads)))
	if o.InterOpThreads > 1 {
		set(so.SetExecutionMode(ort.ExecutionModeParallel))
	}
	if !o.Spinning {
		set(so.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"))
		set(so.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"))
	}
	if !rest {
		set(so.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"))
	}
	for key, value := range entries {
		set(so.AddSessionConfigEntry(key, value))
	}
	if err != nil {
		_ = so.Destroy()
	}
	return so, err
}

// available lists the providers that start here.
func available() (names []string) {
	for k, p := range providers {
		so, err := ort.NewSessionOptions()
		if err != nil {
			continue
		}
		if k == cpu || p.add(so, nil) == nil {
			names = append(names, p.name)
		}
		_ = so.Destroy()
	}
	return names
}
