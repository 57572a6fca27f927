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
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
)

// settings returns the settings that must not change for a run to continue exactly, with
// their values at its beginning.
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

// groups returns the groups of an optimizer's state dict, by number.
func groups(optimizer *torch.Dict) *torch.Dict {
	d := torch.NewDict()
	if optimizer == nil {
		return d
	}
	list, _ := torch.Value[[]any](optimizer, "param_groups")
	for i, g := range list {
		if group, ok := g.(*torch.Dict); ok {
			d.Set(fmt.Sprint(i), group)
		}
	}
	return d
}

// groupSettings returns the settings of an optimizer's groups, by number: those that
// count, not which of PyTorch's implementations runs.
func groupSettings(optimizer *torch.Dict) *torch.Dict {
	d := groups(optimizer)
	for i, g := range d.All() {
		kept := torch.NewDict()
		for key, v := range g.(*torch.Dict).All() {
			switch key {
			case "params", "initial_lr", "foreach", "capturable", "differentiable", "fused":
			default:
				kept.Set(key, v)
			}
		}
		d.Set(i, kept)
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
	for _, n := range nn.NamedTensors(model) {
		d.Set(n.Name, fmt.Sprint(n.Tensor.Shape(), " ", n.Tensor.DType()))
	}
	return d
}

// change is a setting that differs from what it was; a value is nil where it is not
// there.
type change struct {
	path     []string // of keys, such as "batch_size", or "optimizer", "group", "0", "lr"
	was, now any
}

// String returns a text such as "batch size was 4, is 8".
func (c change) String() string {
	name := strings.Join(c.path, " ")
	if len(c.path) == 1 {
		name = strings.ReplaceAll(name, "_", " ")
	}
	switch {
	case strings.HasSuffix(name, " data"):
		return name + " is not the same"
	case c.was == nil:
		return fmt.Sprintf("%s is new: %v", name, c.now)
	case c.now == nil:
		return fmt.Sprintf("%s is gone, it was %v", name, c.was)
	}
	return fmt.Sprintf("%s was %v, is %v", name, c.was, c.now)
}

// key returns the last key of the path.
func (c change) key() string { return c.path[len(c.path)-1] }

// inGroup reports whether it is a setting of one of the optimizer's groups.
func (c change) inGroup() bool { return len(c.path) > 2 }

// mayChange reports whether Run.Override allows it: a run can go on with another value,
// though not to the same end.
func (c change) mayChange() bool {
	switch {
	case len(c.path) == 1:
		return c.key() == "clip_norm" || c.key() == "scheduler"
	case c.inGroup():
		return c.was != nil && c.now != nil
	}
	return c.path[0] == "model" && strings.HasSuffix(c.key(), "layer")
}

// changes compares the settings of a file with those of now, which stand at path.
// Settings that files of earlier versions lack do not count.
func changes(was, now *torch.Dict, path ...string) (list []change) {
	for key, value := range now.All() {
		at := append(slices.Clone(path), fmt.Sprint(key))
		old, known := was.Get(key)
		tree, isTree := value.(*torch.Dict)
		switch {
		case path == nil && (!known || old == ""):
		case isTree:
			before, ok := old.(*torch.Dict)
			if !ok {
				before = torch.NewDict()
			}
			list = append(list, changes(before, tree, at...)...)
		case fmt.Sprint(old) != fmt.Sprint(value):
			list = append(list, change{at, old, value})
		}
	}
	for key, old := range was.All() {
		at := append(slices.Clone(path), fmt.Sprint(key))
		tree, isTree := old.(*torch.Dict)
		_, known := now.Get(key)
		switch {
		case known || path == nil:
		case isTree:
			list = append(list, changes(tree, torch.NewDict(), at...)...)
		default:
			list = append(list, change{at, old, nil})
		}
	}
	return list
}

// holder returns the part of a tree that holds the last key of a path; an empty one
// where the tree has no such part.
func holder(tree *torch.Dict, path []string) *torch.Dict {
	for _, key := range path[:len(path)-1] {
		part, err := torch.Value[*torch.Dict](tree, key)
		if err != nil {
			return torch.NewDict()
		}
		tree = part
	}
	return tree
}
