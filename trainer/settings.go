// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
)

// settings are those that must not change for a run to continue exactly, as they
// are at its beginning.
func (s *session) settings() *torch.Dict {
	scheduler := "none"
	if s.Scheduler != nil {
		scheduler = s.Scheduler.String()
	}
	return torch.NewDict(
		"seed", int(s.Seed), // the same bits
		"batch_size", s.BatchSize, "accumulate", s.Accumulate,
		"training_samples", size(s.Train), "training_data", fingerprint(s.Train),
		"validation_samples", size(s.Val), "validation_data", fingerprint(s.Val),
		"clip_norm", s.ClipNorm, "scheduler", scheduler,
		"optimizer", torch.NewDict("type", fmt.Sprintf("%T", s.Optimizer), "group", groupSettings(s.Optimizer.StateDict())),
		"model", describe(s.Model),
	)
}

// environment is what may change, at the price of other bits.
func (s *session) environment() *torch.Dict {
	threads := s.Threads
	if threads == 0 {
		threads = torch.NumThreads()
	}
	d := torch.NewDict(
		"device", s.Train.Device().String(), "threads", threads, "libtorch", torch.Version(), "processor", s.processor(),
		"float32_matmul_precision", string(torch.GetFloat32MatmulPrecision()),
		"cpu_capability", torch.CPUCapability(),
	)
	// oneMKL and oneDNN choose by the processor too, unless these tell them.
	for _, name := range []string{"MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA"} {
		value, ok := os.LookupEnv(name)
		if !ok {
			value = "not set"
		}
		d.Set("$"+name, value)
	}
	return d
}

// processor is the kind of GPU or CPU that trains, where the system tells: libtorch
// has other kernels for other ones.
func (s *session) processor() string {
	if d := s.Train.Device(); d.Type == torch.DeviceCUDA {
		if p, err := cuda.Properties(d.Index); err == nil {
			return p.Name
		}
	}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range bytes.Lines(text) {
			if key, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(key) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

func size(s *data.Set) int {
	if s == nil {
		return 0
	}
	return s.Len()
}

// fingerprint identifies the data; of a set put together by hand it hashes the
// elements.
func fingerprint(s *data.Set) string {
	switch {
	case s == nil:
		return ""
	case s.Fingerprint != "":
		return s.Fingerprint
	}
	h := sha256.New()
	torch.Scope(func() {
		for _, t := range []*torch.Tensor{s.X, s.Y} {
			fmt.Fprint(h, t.DType(), t.Shape())
			rows := max(1, t.Size(0)*(1<<20)/max(t.Numel(), 1))
			for i := 0; i < t.Size(0); i += rows {
				torch.Scope(func() { h.Write(t.Narrow(0, i, min(rows, t.Size(0)-i)).To(torch.CPU).Bytes()) })
			}
		}
	})
	return hex.EncodeToString(h.Sum(nil))
}

// groupSettings are the settings of an optimizer's groups, by number: those that
// count, not which of PyTorch's implementations runs.
func groupSettings(state *torch.Dict) *torch.Dict {
	d := torch.NewDict()
	groups, _ := torch.Value[[]any](state, "param_groups")
	for i, g := range groups {
		settings, ok := g.(*torch.Dict)
		if !ok {
			continue
		}
		kept := torch.NewDict()
		for key, v := range settings.All() {
			switch key {
			case "params", "initial_lr", "foreach", "capturable", "differentiable", "fused":
			default:
				kept.Set(key, v)
			}
		}
		d.Set(fmt.Sprint(i), kept)
	}
	return d
}

// describe tells what a network is made of: the layers of package nn with their
// settings, and the shapes of all parameters and buffers, by name.
func describe(model nn.Module) *torch.Dict {
	d := torch.NewDict()
	describeLayers(d, "", reflect.ValueOf(model), 0)
	for name, v := range nn.StateDict(model).All() {
		t := v.(*torch.Tensor)
		d.Set(name, fmt.Sprint(t.Shape(), " ", t.DType()))
	}
	return d
}

var nnPath = reflect.TypeFor[nn.Linear]().PkgPath()

// describeLayers walks the exported fields. Only layers of package nn are told:
// of others nobody knows which fields are settings.
func describeLayers(d *torch.Dict, path string, v reflect.Value, depth int) {
	if depth > 32 { // a network that leads back to itself
		return
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*torch.Tensor]() {
			describeLayers(d, path, v.Elem(), depth+1)
		}
	case reflect.Slice, reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.Interface, reflect.Pointer, reflect.Struct, reflect.Slice:
			for i := range v.Len() {
				describeLayers(d, join(path, fmt.Sprint(i)), v.Index(i), depth+1)
			}
		}
	case reflect.Struct:
		if v.Type().PkgPath() == nnPath {
			d.Set(join(path, "layer"), layer(v))
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				describeLayers(d, join(path, f.Name), v.Field(i), depth+1)
			}
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// layer is a layer's type and settings: "nn.Dropout(P 0.2)".
func layer(v reflect.Value) string {
	var settings []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "Training" {
			continue
		}
		switch f.Type.Kind() {
		case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float32, reflect.Float64, reflect.String:
			settings = append(settings, fmt.Sprintf("%s %v", f.Name, v.Field(i).Interface()))
		}
	}
	if settings == nil {
		return v.Type().String()
	}
	return fmt.Sprintf("%s(%s)", v.Type(), strings.Join(settings, ", "))
}

// change is a setting that is not what it was.
type change struct {
	path     string // "optimizer group 0 lr"
	was, now any
}

func (c change) String() string {
	switch {
	case strings.HasSuffix(c.path, " data"):
		return c.path + " is not the same"
	case c.was == nil:
		return fmt.Sprintf("%s is new: %s", c.path, show(c.now))
	case c.now == nil:
		return fmt.Sprintf("%s is gone, it was %s", c.path, show(c.was))
	}
	return fmt.Sprintf("%s was %s, is %s", c.path, show(c.was), show(c.now))
}

func show(v any) string {
	d, ok := v.(*torch.Dict)
	if !ok {
		return fmt.Sprint(v)
	}
	var parts []string
	for key, x := range d.All() {
		parts = append(parts, fmt.Sprint(key, " ", show(x)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// mayChange reports whether Run.Override lets it: what a run can go on with,
// though not to the same end.
func (c change) mayChange() bool {
	return c.path == "clip norm" || c.path == "scheduler" ||
		strings.HasPrefix(c.path, optimizerGroup) && c.was != nil && c.now != nil ||
		strings.HasPrefix(c.path, "model ") && strings.HasSuffix(c.path, "layer")
}

// changes compares two trees of settings.
func changes(path string, was, now any) (list []change) {
	a, isDict := was.(*torch.Dict)
	b, isDict2 := now.(*torch.Dict)
	if !isDict || !isDict2 {
		if show(was) != show(now) {
			list = append(list, change{path, was, now})
		}
		return list
	}
	keys := b.Keys()
	for _, key := range a.Keys() {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		x, _ := a.Get(key)
		y, _ := b.Get(key)
		name := strings.ReplaceAll(fmt.Sprint(key), "_", " ")
		if path != "" {
			name = path + " " + fmt.Sprint(key)
		}
		list = append(list, changes(name, x, y)...)
	}
	return list
}
