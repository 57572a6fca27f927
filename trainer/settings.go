// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"runtime"
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

// environment returns what may change, at the price of other last bits.
func (s *session) environment() *torch.Dict {
	threads := s.Threads
	if threads == 0 {
		threads = torch.NumThreads()
	}
	d := torch.NewDict(
		"device", s.Train.Device().String(), "threads", threads, "libtorch", torch.Version(), "processor", Processor(s.Train.Device()),
		"float32_matmul_precision", string(torch.GetFloat32MatmulPrecision()),
		"cpu_capability", torch.CPUCapability(),
	)
	// oneMKL and oneDNN choose by the processor too, unless these override it.
	for _, name := range []string{"MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA"} {
		value, ok := os.LookupEnv(name)
		if !ok {
			value = "not set"
		}
		d.Set("$"+name, value)
	}
	return d
}

// Processor returns the kind of a GPU, "" if it cannot be used; and of the CPU for other
// devices, or if the system does not report it, its architecture. libtorch uses different
// kernels for different kinds.
func Processor(d torch.Device) string {
	if d.Type == torch.DeviceCUDA {
		p, err := cuda.Properties(d.Index)
		if err != nil {
			return "" // using the device reports the error
		}
		return p.Name
	}
	text, _ := os.ReadFile("/proc/cpuinfo")
	if m := regexp.MustCompile(`(?m)^model name\s*:\s*(.*?)\s*$`).FindSubmatch(text); m != nil {
		return string(m[1])
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
	for i, g := range groupsIn(state, "param_groups") {
		kept := torch.NewDict()
		for key, v := range g.All() {
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

// describe lists what a network is made of: the layers of package nn with their
// settings, and the shapes of all parameters and buffers, by name.
func describe(model nn.Module) *torch.Dict {
	d := torch.NewDict()
	for _, l := range nn.Describe(model) {
		d.Set(strings.TrimPrefix(l.Path+".layer", "."), l.Text)
	}
	for name, t := range nn.StateDict(model).All() {
		d.Set(name, fmt.Sprint(t.(*torch.Tensor).Shape(), " ", t.(*torch.Tensor).DType()))
	}
	return d
}

// setting names one setting of a run.
type setting struct {
	part  string // "optimizer type", "optimizer group", "model"; "" for one that stands alone
	group int    // of the optimizer
	key   string
}

// String returns the setting's name in messages, such as "batch size" and
// "optimizer group 0 lr".
func (s setting) String() string {
	switch s.part {
	case "":
		return strings.ReplaceAll(s.key, "_", " ")
	case "optimizer group":
		return fmt.Sprint(s.part, " ", s.group, " ", s.key)
	}
	return strings.TrimSpace(s.part + " " + s.key)
}

// settingsIn lists the settings in a tree that session.settings made, each as one that is
// now what the tree says.
func settingsIn(tree *torch.Dict) (list []change) {
	add := func(part string, group int, d *torch.Dict) {
		for key, v := range d.All() {
			list = append(list, change{setting: setting{part, group, fmt.Sprint(key)}, now: v})
		}
	}
	for key, v := range tree.All() {
		sub, isTree := v.(*torch.Dict)
		switch {
		case isTree && key == "model":
			add("model", 0, sub)
		case isTree && key == "optimizer":
			kind, _ := sub.Get("type")
			list = append(list, change{setting: setting{part: "optimizer type"}, now: kind})
			for i, g := range groupsIn(sub, "group") {
				add("optimizer group", i, g)
			}
		default:
			list = append(list, change{setting: setting{key: fmt.Sprint(key)}, now: v})
		}
	}
	return list
}

// groupsIn returns the groups of an optimizer, which are a list in its state dict and
// numbered in the settings.
func groupsIn(optimizer *torch.Dict, key string) (groups []*torch.Dict) {
	if optimizer == nil {
		return nil
	}
	v, _ := optimizer.Get(key)
	list, _ := v.([]any)
	if numbered, ok := v.(*torch.Dict); ok {
		for _, g := range numbered.All() {
			list = append(list, g)
		}
	}
	for _, g := range list {
		d, ok := g.(*torch.Dict)
		if !ok {
			d = torch.NewDict()
		}
		groups = append(groups, d)
	}
	return groups
}

// group returns one of the groups, or an empty one.
func group(groups []*torch.Dict, i int) *torch.Dict {
	if i < len(groups) {
		return groups[i]
	}
	return torch.NewDict()
}

// change is a setting that differs from what it was; nil where it is not there.
type change struct {
	setting
	was, now any
}

func (c change) String() string {
	name := c.setting.String()
	switch {
	case strings.HasSuffix(name, " data"):
		return name + " is not the same"
	case c.was == nil:
		return fmt.Sprintf("%s is new: %s", name, show(c.now))
	case c.now == nil:
		return fmt.Sprintf("%s is gone, it was %s", name, show(c.was))
	}
	return fmt.Sprintf("%s was %s, is %s", name, show(c.was), show(c.now))
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

// mayChange reports whether Run.Override allows it: a run can go on with another value,
// though not to the same end.
func (c change) mayChange() bool {
	switch c.part {
	case "":
		return c.key == "clip_norm" || c.key == "scheduler"
	case "optimizer group":
		return c.was != nil && c.now != nil
	case "model":
		return strings.HasSuffix(c.key, "layer")
	}
	return false
}

// changes compares the settings of a file with those of now. Settings that files of
// earlier versions lack do not count.
func changes(saved, now *torch.Dict) (list []change) {
	was := map[setting]any{}
	for _, c := range settingsIn(saved) {
		was[c.setting] = c.now
	}
	for _, c := range settingsIn(now) {
		top := c.key
		if c.part != "" {
			top, _, _ = strings.Cut(c.part, " ")
		}
		c.was = was[c.setting]
		if old, ok := saved.Get(top); ok && old != "" && show(c.was) != show(c.now) {
			list = append(list, c)
		}
		delete(was, c.setting)
	}
	for _, c := range settingsIn(saved) {
		if v, gone := was[c.setting]; gone && c.part != "" {
			list = append(list, change{c.setting, v, nil})
		}
	}
	return list
}
