// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// withoutFile are the options that have no form in ONNX: what the error says, and why.
var withoutFile = map[string]string{
	"ONNX has no loop over alignments":                      "CTCLoss goes through time step by step",
	"aten::rand (call":                                      "fractional pools draw their windows, in evaluation mode too",
	"aten::fractional_max_pool":                             "the same with windows that were drawn before: there is no such pool",
	"aten::embedding_renorm_ changes a parameter":           "max_norm changes the weight of an Embedding whenever it is used",
	".data (call":                                           "packed sequences",
	"projections cannot be exported":                        "ONNX's LSTM has none",
	"elements are not a number (NaN), the first is element": "libtorch's result is NaN too: the logarithm or root of a negative number",
}

// notExported are the modules of which no case can be exported.
var notExported = []string{"CTCLoss", "FractionalMaxPool2d", "FractionalMaxPool3d"}

// TestModulesExport exports the modules of the case file in evaluation mode, losses too.
// ONNX Runtime agrees with libtorch on the case's own inputs and at other numbers of samples,
// where libtorch takes others (ExportFunc compares them), and Python's onnx accepts the files,
// of the oldest opset, the usual one and the newest in turn.
func TestModulesExport(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	torchtest.Need(t)
	defer torch.SetNumThreads(torch.NumThreads())
	torch.SetNumThreads(1) // the tensors are small
	file, err := pt.LoadDict(cmp.Or(os.Getenv("ETUDE_TEST_MODULE_CASES"), "testdata/modules.pt"))
	require.NoError(t, err)
	dir, exported, refused, free, cases := t.TempDir(), map[string]bool{}, map[string]bool{}, 0, 0
	without := func(says string) bool { return strings.Contains(err.Error(), says) }
	var paths []string
	for i, c := range torchtest.Entry[[]any](t, file, "cases") {
		d := c.(*torch.Dict)
		name := torchtest.Entry[string](t, d, "module")
		if torchtest.Entry[string](t, d, "dtype") != "float32" || torchtest.Entry[bool](t, d, "training") {
			continue
		}
		cases++
		path := filepath.Join(dir, fmt.Sprintf("%s_%d.onnx", name, i))
		var batched bool
		torch.Scope(func() { batched, err = exportCase(t, name, d, path, []int{13, 17, 21}[i%3]) })
		switch {
		case err == nil:
			exported[name], paths = true, append(paths, path)
			if batched {
				free++
			}
		case errors.Is(err, errNoElements):
			cases--
		default:
			says := slices.Collect(maps.Keys(withoutFile))
			k := slices.IndexFunc(says, without)
			if assert.GreaterOrEqual(t, k, 0, "%s, case %d: %v", name, i, err) {
				refused[says[k]] = true
			}
		}
	}
	for says := range withoutFile {
		assert.True(t, refused[says], "no error says %q", says)
	}
	left := slices.Sorted(maps.Keys(modules))
	left = slices.DeleteFunc(left, func(name string) bool { return exported[name] })
	assert.Equal(t, notExported, left)
	torchtest.RunPython(t, "../onnx/testdata/check.py", paths...)
	t.Logf("%d of %d modules; %d of %d cases, %d of them with a free number of samples", len(exported), len(modules), len(paths), cases, free)
	assert.Greater(t, free, len(paths)*8/10)
}

var errNoElements = errors.New("an input has no elements")

// exportCase exports the module of a case, and reports whether it takes any number of samples.
func exportCase(t *testing.T, name string, d *torch.Dict, path string, opset int) (free bool, err error) {
	c := moduleCase{t, torchtest.List(torchtest.Entry[any](t, d, "args")), torchtest.Entry[*torch.Dict](t, d, "kwargs"), torch.Float32}
	module := modules[name](c)
	require.NoError(t, nn.LoadStateDict(module, torchtest.Entry[*torch.Dict](t, d, "state")))
	nn.SetTraining(module, false)
	inputs, named := torchtest.List(torchtest.Entry[any](t, d, "inputs")), torchtest.Entry[*torch.Dict](t, d, "named")
	s := onnx.Signature{Opset: opset}
	collect := func(x *torch.Tensor) *torch.Tensor {
		example := x.Detach()
		if x.DType().IsFloating() { // some of PyTorch's inputs are NaN
			example = torch.Call("aten::nan_to_num", example, 0, math.Inf(1), math.Inf(-1)).Tensor()
		}
		s.Inputs = append(s.Inputs, onnx.Input{Name: fmt.Sprint("x", len(s.Inputs)), Example: example})
		return x
	}
	rebuilt(inputs, collect)
	rebuilt(named, collect)
	for i := range torchtest.List(torchtest.Entry[any](t, d, "outputs")) {
		s.Outputs = append(s.Outputs, fmt.Sprint("y", i))
	}
	run := func(given []*torch.Tensor) []*torch.Tensor {
		next := func(*torch.Tensor) (x *torch.Tensor) { x, given = given[0], given[1:]; return x }
		return forward(c, module, rebuilt(inputs, next).([]any), rebuilt(named, next).(*torch.Dict))
	}
	if slices.ContainsFunc(s.Inputs, func(in onnx.Input) bool { return in.Example.Numel() == 0 }) {
		return false, errNoElements
	}
	for _, axes := range sampleAxes(s.Inputs) {
		free = false
		for i, axis := range axes {
			s.Inputs[i].Axes = nil
			if axis >= 0 {
				s.Inputs[i].Axes, free = map[int]string{axis: "samples"}, true
			}
		}
		_, err = onnx.ExportFunc(path, module, run, s)
		// A dimension of classes, say, may be none of samples for libtorch or the file.
		if err == nil || !errors.As(err, new(*torch.Error)) && !strings.Contains(err.Error(), "depends on a free size") {
			return free, err
		}
	}
	return free, err
}

// sampleAxes returns which dimension of each input may count samples, -1 for none: choices
// that libtorch may refuse, the likeliest first. The last one has none at all.
func sampleAxes(inputs []onnx.Input) (all [][]int) {
	for first := range min(2, inputs[0].Example.Dim()) {
		n := inputs[0].Example.Size(first)
		choices := [][]int{{first}}
		for _, in := range inputs[1:] {
			axes := []int{}
			for axis, size := range in.Example.Shape() {
				if size == n {
					axes = append(axes, axis)
				}
			}
			if i := slices.Index(axes, first); i > 0 {
				axes[0], axes[i] = axes[i], axes[0]
			}
			var longer [][]int
			for _, choice := range choices {
				for _, axis := range append(axes, -1) {
					longer = append(longer, append(slices.Clone(choice), axis))
				}
			}
			choices = longer
		}
		all = append(all, choices...)
	}
	none := make([]int, len(inputs))
	for i := range none {
		none[i] = -1
	}
	return append(all, none)
}

// rebuilt copies a nested value with other tensors.
func rebuilt(v any, tensor func(*torch.Tensor) *torch.Tensor) any {
	switch v := v.(type) {
	case *torch.Tensor:
		return tensor(v)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = rebuilt(x, tensor)
		}
		return out
	case torch.Tuple:
		return rebuilt([]any(v), tensor)
	case *torch.Dict:
		out := torch.NewDict()
		for k, x := range v.All() {
			out.Set(k, rebuilt(x, tensor))
		}
		return out
	}
	return v
}
