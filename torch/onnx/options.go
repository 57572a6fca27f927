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

type provider struct {
	name string
	add  func(*ort.SessionOptions, map[string]string) error
}

// providers lists the execution providers that are known. The CPU is always there.
var providers = []provider{
	{"TensorrtExecutionProvider", adder(ort.NewTensorRTProviderOptions, (*ort.SessionOptions).AppendExecutionProviderTensorRT)},
	{"CUDAExecutionProvider", adder(ort.NewCUDAProviderOptions, (*ort.SessionOptions).AppendExecutionProviderCUDA)},
	{"CPUExecutionProvider", nil},
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

// chosen returns the places of the providers in their table but for the CPU's, and whether
// the CPU runs what is left over.
func (o SessionOptions) chosen() (others []int, rest bool) {
	for i, p := range o.Providers {
		k := slices.IndexFunc(providers, func(q provider) bool {
			return strings.EqualFold(q.name, p.Name) || strings.EqualFold(q.name, p.Name+"ExecutionProvider")
		})
		switch {
		case k < 0:
			fail.With("there is no execution provider %q; want CPU, CUDA or TensorRT", p.Name)
		case slices.Contains(others, k):
			fail.With("the execution provider %s is listed twice", p.Name)
		case k != cpu:
			others = append(others, k)
		case i < len(o.Providers)-1:
			fail.With("the CPU runs every operator, so nothing is left for %s after it: put CPU at the end of the list", o.Providers[i+1].Name)
		case len(p.Options) > 0:
			fail.With("the execution provider CPU has no options; the number of threads is in SessionOptions")
		}
	}
	return others, len(others) < max(1, len(o.Providers))
}

// start makes a session of a model's bytes. The folder has its elements that are in other files.
func (o SessionOptions) start(data []byte, inputs, outputs []string, folder string) (session *ort.DynamicAdvancedSession, uses []ProviderUse) {
	others, rest := o.chosen()
	entries := map[string]string{"session.model_external_initializers_file_folder_path": folder}
	if !rest {
		entries["session.disable_cpu_ep_fallback"] = "1"
	}
	if !o.Spinning {
		entries["session.intra_op.allow_spinning"], entries["session.inter_op.allow_spinning"] = "0", "0"
	}
	uses = collect(others, func(k int) ProviderUse { return ProviderUse{Name: providers[k].name} })
	for {
		// The provider to blame: the one that cannot be added, or the first of the others.
		at := slices.IndexFunc(uses, func(u ProviderUse) bool { return u.Err == nil })
		err := withOptions(func(so *ort.SessionOptions) {
			fail.On(so.SetIntraOpNumThreads(max(1, o.Threads)))
			fail.On(so.SetInterOpNumThreads(max(1, o.InterOpThreads)))
			if o.InterOpThreads > 1 {
				fail.On(so.SetExecutionMode(ort.ExecutionModeParallel))
			}
			for key, value := range entries {
				fail.On(so.AddSessionConfigEntry(key, value))
			}
			for i, k := range others {
				if uses[i].Err != nil {
					continue
				}
				if err := providers[k].add(so, o.Providers[i].Options); err != nil {
					at = i
					fail.On(err)
				}
			}
			session = fail.Or(ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, so))
		})
		switch {
		case err == nil:
			if rest {
				uses = append(uses, ProviderUse{Name: providers[cpu].name})
			}
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

// withOptions calls f, which may fail, with new options.
func withOptions(f func(*ort.SessionOptions)) error {
	return fail.Catch(func() {
		so := fail.Or(ort.NewSessionOptions())
		defer func() { _ = so.Destroy() }()
		f(so)
	})
}

// available lists the providers that start here.
func available() (names []string) {
	for k, p := range providers {
		if k == cpu || withOptions(func(so *ort.SessionOptions) { fail.On(p.add(so, nil)) }) == nil {
			names = append(names, p.name)
		}
	}
	return names
}
