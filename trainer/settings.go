// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"crypto/sha256"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/nn"
)

// settings returns the settings that must not change for a run to continue exactly, with
// their values at its beginning.
func (s *session) settings() *torch.Dict {
	valSamples, valData := 0, ""
	if s.Val != nil {
		valSamples, valData = s.Val.Len(), s.Val.Identity()
	}
	d := torch.NewDict(
		"seed", int(s.Seed), // the same bits
		"batch_size", s.BatchSize, "accumulate", s.Accumulate,
		"training_samples", s.Train.Len(), "training_data", s.Train.Identity(),
		"validation_samples", valSamples, "validation_data", valData,
		"clip_norm", s.ClipNorm, "clip_value", s.ClipValue, "scheduler", s.schedule(),
		"optimizer", torch.NewDict("type", fmt.Sprintf("%T", s.Optimizer), "group", groupSettings(s.Optimizer.StateDict())),
		"model", describe(s.Model),
	)
	for _, o := range options {
		if value := o.value(s); value != nil && !reflect.ValueOf(value).IsZero() {
			d.Set(o.key, fmt.Sprint(value))
		}
	}
	return d
}

// option is a setting that came after the first version: a file names it where its run
// uses it.
type option struct {
	key   string
	value func(*session) any // nil, or a zero, where it is not used
	fixed bool               // Run.Override does not allow another one
}

var options = []option{
	{"sampler", (*session).sampling, true},
	{"drop_last", func(s *session) any { return s.DropLast }, true},
	{"limit_batches", func(s *session) any { return s.LimitBatches }, true},
	{"overfit_batches", func(s *session) any { return s.OverfitBatches }, true},
	{"metrics", func(s *session) any { return strings.Join(metricNames(s.Metrics), ", ") }, true},
	{"monitor", func(s *session) any { return s.history.Monitor }, true},
	{"autocast", func(s *session) any { return s.Autocast }, false},
	{"ema", func(s *session) any { return s.EMA }, false},
	{"scaler", (*session).scaling, true},
	{"keep_denormals", func(s *session) any { return s.KeepDenormals }, false},
}

// optionOf returns the option of a key of the settings; nil where it is none.
func optionOf(key any) *option {
	i := slices.IndexFunc(options, func(o option) bool { return o.key == key })
	if i < 0 {
		return nil
	}
	return &options[i]
}

// sampling identifies the sampler by its first epoch, whatever it depends on; nil for none.
func (s *session) sampling() any {
	if s.Sampler == nil {
		return nil
	}
	return fmt.Sprintf("%T %.12x", s.Sampler, sha256.Sum256(fmt.Append(nil, s.Sampler.Order(s.Seed, 0))))
}

// schedule names the scheduler and when it steps.
func (s *session) schedule() string {
	switch {
	case s.Scheduler == nil:
		return "none"
	case s.PerStep:
		return s.Scheduler.String() + " each step"
	}
	return s.Scheduler.String()
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

// compareEnvironment notes differences in the environment that can change the last bits.
func (s *session) compareEnvironment(was *torch.Dict) {
	for key, now := range s.environment().All() {
		if before, ok := was.Get(key); ok && before != now {
			s.notice("%s: it was %v, is %v: the last bits may differ from those of a run without a break", key, before, now)
		}
	}
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
func describe(model any) *torch.Dict {
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
		o := optionOf(c.key())
		return c.key() == "clip_norm" || c.key() == "clip_value" || c.key() == "scheduler" || o != nil && !o.fixed
	case c.inGroup():
		return c.was != nil && c.now != nil
	}
	return c.path[0] == "model" && strings.HasSuffix(c.key(), "layer")
}

// deepest is the length of the path to an optimizer's group, below which there are values
// alone. A file may hold a tree that contains itself.
const deepest = 3

// changes compares the settings of a file with those of now, which stand at path.
// Settings that files of earlier versions lack do not count, but for options.
func changes(was, now *torch.Dict, path ...string) (list []change) {
	for key, value := range now.All() {
		at := append(slices.Clone(path), fmt.Sprint(key))
		old, known := was.Get(key)
		tree, isTree := value.(*torch.Dict)
		switch {
		case path == nil && (!known && optionOf(key) == nil || old == ""):
		case isTree && len(path) < deepest:
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
		case known || path == nil && optionOf(key) == nil:
		case isTree && len(path) < deepest:
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

// plan sorts the settings that are not as they were when the run began.
type plan struct {
	kept       []change // as they were when the file was written, so that nothing changes
	overridden []change // this Run's from now on
	refused    []change
}

// decide judges each change. An optimizer may also be as it was when the file was
// written: a scheduler changes it. inFile holds the groups of the optimizer in the file.
func (s *session) decide(list []change, inFile *torch.Dict) (p plan) {
	// Another optimizer has other settings, so its type is the only difference to report.
	other := slices.ContainsFunc(list, func(c change) bool { return c.path[0] == "optimizer" && c.key() == "type" })
	for _, c := range list {
		lately, _ := holder(inFile, c.path).Get(c.key())
		switch {
		case c.inGroup() && other:
		case c.inGroup() && fmt.Sprint(lately) == fmt.Sprint(c.now):
			p.kept = append(p.kept, c)
		case s.Override && c.mayChange():
			p.overridden = append(p.overridden, c)
		default:
			p.refused = append(p.refused, c)
		}
	}
	return p
}

// err refuses what may not change.
func (p plan) err() error {
	if p.refused == nil {
		return nil
	}
	return fmt.Errorf("%s; continue with what it began with, or start anew in another folder", joined(p.refused))
}

// overridable reports whether Run.Override would lift every refusal.
func (p plan) overridable() bool {
	return p.refused != nil && !slices.ContainsFunc(p.refused, func(c change) bool { return !c.mayChange() })
}

// apply makes the settings that are kept the run's first ones again, and puts those
// that are overridden into the groups that are loaded.
func (s *session) apply(p plan, inFile *torch.Dict) {
	for _, c := range p.kept {
		holder(s.begun, c.path).Set(c.key(), c.was)
	}
	for _, c := range p.overridden {
		if c.inGroup() {
			holder(inFile, c.path).Set(c.key(), c.now)
		}
	}
	if p.overridden != nil {
		s.notice("%s: from here on it is another run than the one that was begun", joined(p.overridden))
	}
}

func joined(list []change) string {
	texts := make([]string, len(list))
	for i, c := range list {
		texts[i] = c.String()
	}
	return strings.Join(texts, "; ")
}
