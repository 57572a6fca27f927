// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/torch/torchtest/operators"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

// pretended returns a shell and a script that stand in for Python.
func pretended(t *testing.T, script string) (interpreter, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "step.sh")
	require.NoError(t, os.WriteFile(path, []byte(script), 0o666))
	return "sh", path
}

// willing trains in no time, but cannot compile.
const willing = `echo '{"python": "3.14.0", "torch": "2.15.0+cu132"}'
while read network variant steps; do
	case $variant in
	compile) echo "failed: InductorError: no C++ compiler" ;;
	*) echo 0.25 ;;
	esac
done
`

// quick are options of a run that takes some seconds.
func quick(t *testing.T, d torch.Device) Options {
	t.Helper()
	o := Options{Device: d, Root: torchtest.Root(t), Quick: true, Packages: []string{"./scripts/internal/plain"}}
	o.Python, o.Script = pretended(t, willing)
	return o
}

func TestRunOnTheCPU(t *testing.T) {
	torchtest.Need(t)
	r := Run(t.Context(), quick(t, torch.CPU))
	assert.True(t, r.Passed, "%v", r.Failures)
	assert.True(t, r.Complete)
	assert.Equal(t, "cpu", r.Device)
	assert.Positive(t, r.Tests.Passed)

	assert.Len(t, r.Ops, len(operators.All()))
	require.Len(t, r.Networks, len(models.All()))
	require.Len(t, r.Optimizers, len(optimizers()))
	for _, n := range slices.Concat(r.Networks, r.Optimizers) {
		assert.Zero(t, [5]Difference{n.Output, n.Loss, n.Gradients, n.Losses, n.Weights}, n.Network)
		assert.True(t, *n.Repeats)
		assert.Nil(t, n.Graph, "the CPU has none")
	}
	require.Len(t, r.Timing, len(models.All()))
	for _, timing := range r.Timing {
		by := map[string]Measure{}
		for _, m := range timing.Measures {
			by[m.Name] = m
		}
		assert.Equal(t, slices.Sorted(slices.Values(contestants)), slices.Sorted(maps.Keys(by)))
		assert.Positive(t, by[Ours].Milliseconds)
		assert.Equal(t, 3, by[Ours].Rounds)
		assert.LessOrEqual(t, by[Ours].Least, by[Ours].Milliseconds)
		assert.LessOrEqual(t, by[Ours].Milliseconds, by[Ours].Most)
		assert.Equal(t, errNoGraphs.Error(), by[oursGraph].Absent)
		assert.Equal(t, 0.25, by[Python].Milliseconds)
		assert.Equal(t, "InductorError: no C++ compiler", by[PythonCompile].Problem)
	}
	require.Len(t, r.Memory, len(models.All()))
	for i, m := range r.Memory {
		// Weights and two moments of Adam, at the least.
		assert.GreaterOrEqual(t, m.Use.Allocated, int64(3*4*nn.ParameterCount(models.All()[i].New(torch.CPU))))
		assert.Equal(t, 50, m.Steps)
	}
	assert.Equal(t, "3.14.0", r.Versions.Python)
	assert.NotEmpty(t, r.Versions.Libtorch)
	assert.NotEmpty(t, r.Versions.OS)

	text, err := r.JSON()
	require.NoError(t, err)
	golden(t, "keys.txt", keys(t, text))
	assert.Contains(t, r.Markdown(), "**PASS** on cpu: ")
}

// keys lists the keys of a JSON value with the types of their values: what scripts
// that read the file may rely on.
func keys(t *testing.T, text []byte) string {
	var v any
	require.NoError(t, json.Unmarshal(text, &v))
	found := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if path == ".tests.reasons" {
					k = "REASON"
				}
				walk(path+"."+k, x)
			}
		case []any:
			for _, x := range v {
				walk(path+"[]", x)
			}
		default:
			found[fmt.Sprintf("%s %T", path, v)] = true
		}
	}
	walk("", v)
	return strings.Join(slices.Sorted(maps.Keys(found)), "\n") + "\n"
}

// On the pretend accelerator an operator that is wrong there is found, and makes the report fail.
func TestRunFindsAWrongOperator(t *testing.T) {
	o := quick(t, torchtest.Pretend(t))
	o.Parts = []Part{PartOps, PartNetworks, PartMemory}
	o.Cases = append(operators.All(), wrong())
	r := Run(t.Context(), o)
	assert.False(t, r.Passed)
	require.Len(t, r.Failures, 1, "%v", r.Failures)
	assert.Contains(t, r.Failures[0], "op wrong: the results differ by")
	agreed, all := r.ops()
	assert.Equal(t, all-1, agreed, "one case of tanh is wrong")
	assert.Contains(t, r.Summary(), "**FAIL** on pretend:0: ")
	assert.False(t, r.Complete, "parts were left out")
	assert.Contains(t, r.Summary(), "tests left out, timing left out")
}

// brokenMeter is that of a device that has failed.
type brokenMeter struct{ hostMeter }

func (brokenMeter) synchronize() error { return errors.New("an illegal memory access") }

// What comes after a failure for good is not blamed for it.
func TestABrokenDevice(t *testing.T) {
	device := torchtest.Pretend(t)
	for want, parts := range map[string][]Part{
		"op wrong: an illegal":          {PartOps, PartNetworks, PartMemory},
		"timing of emotion: an illegal": {PartNetworks, PartTiming, PartMemory}, // the networks agree
		"memory of emotion: an illegal": {PartMemory},
	} {
		o := quick(t, device)
		o.Python, o.meter, o.Parts = "", brokenMeter{}, parts
		o.Cases = []operators.Case{operators.All()[0], wrong(), operators.All()[1]}
		r := Run(t.Context(), o)
		assert.Contains(t, r.Broken, want)
		assert.False(t, r.Passed)
		assert.False(t, r.Complete)
		assert.Contains(t, r.Markdown(), "nothing was run after that: "+want)
		assert.Contains(t, r.Summary(), "the device failed")
		if r.Ops != nil {
			assert.Len(t, r.Ops, 2, "the wrong one is the last")
			assert.Nil(t, r.Networks)
		}
		assert.Equal(t, 1, max(len(r.Timing), len(r.Memory), len(r.Ops)-1))
	}
}

// If Python does not start, the table says why, and the check does not fail.
func TestRunWithoutPython(t *testing.T) {
	torchtest.Need(t)
	o := quick(t, torch.CPU)
	o.Parts = []Part{PartTiming}
	for name, c := range map[string]struct{ script, want string }{
		"no torch":   {`echo "failed: ModuleNotFoundError: No module named 'torch'"; exit 1`, "ModuleNotFoundError: No module named 'torch'"},
		"traceback":  {`printf 'Traceback:\nSyntaxError: invalid syntax\n' >&2; exit 1`, "SyntaxError: invalid syntax"},
		"dies later": {strings.ReplaceAll(willing, "echo", "[ $variant ] && echo 'Killed' >&2 && exit 137; echo"), "137"},
	} {
		o.Python, o.Script = pretended(t, c.script)
		r := reportOfOne(t, o)
		for _, m := range r.Timing[0].Measures[2:] {
			assert.Contains(t, m.Absent+m.Problem, c.want, name)
			assert.Zero(t, m.Milliseconds)
		}
		assert.Positive(t, r.Timing[0].Measures[0].Milliseconds, name)
		assert.Contains(t, r.Markdown(), c.want)
	}

	// A compilation that takes its process down leaves the others to be measured.
	o.Python, o.Script = pretended(t, strings.Replace(willing, `echo "failed`, `exit 137; echo "`, 1))
	measures := reportOfOne(t, o).Timing[0].Measures
	assert.Positive(t, measures[2].Milliseconds)
	assert.Positive(t, measures[3].Milliseconds)
	assert.Contains(t, measures[4].Problem, "137")

	o.Python = ""
	r := Run(t.Context(), o)
	assert.True(t, r.Passed, "%v", r.Failures)
	assert.Contains(t, r.Timing[0].Measures[2].Absent, "ETUDE_TEST_PYTHON")
}

// reportOfOne times the first network, and is interrupted then.
func reportOfOne(t *testing.T, o Options) *Report {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := true
	o.Say = func(format string, _ ...any) {
		if strings.HasPrefix(format, "timing") {
			if !first {
				cancel()
			}
			first = false
		}
	}
	r := Run(ctx, o)
	assert.True(t, r.Passed, "%v", r.Failures)
	return r
}

// What is known after a part is given away at once, and is not called complete.
func TestKeep(t *testing.T) {
	torchtest.Need(t)
	o := quick(t, torch.CPU)
	o.Cases, o.Parts = operators.All()[:5], []Part{PartOps, PartMemory}
	var kept []Report
	o.Keep = func(r *Report) { kept = append(kept, *r) }
	r := Run(t.Context(), o)
	assert.False(t, r.Interrupted)
	require.Len(t, kept, 2)
	assert.Len(t, kept[0].Ops, 5)
	assert.Nil(t, kept[0].Memory)
	for _, k := range kept {
		assert.True(t, k.Interrupted)
		assert.False(t, k.Complete)
		assert.Contains(t, k.Summary(), "**INCOMPLETE**")
	}
	assert.Len(t, kept[1].Memory, len(models.All()))
}

// What was found out before an interrupt is reported, and is not called complete.
func TestInterrupt(t *testing.T) {
	torchtest.Need(t)
	o := quick(t, torch.CPU)
	o.Cases = operators.All()[:5]
	for _, at := range []string{"  %s (%.1f s)", "operators", "%s with", "timing", "memory"} {
		ctx, cancel := context.WithCancel(t.Context())
		switch at {
		case "timing", "memory":
			o.Parts = []Part{PartTiming, PartMemory}
		case "operators", "%s with":
			o.Parts = []Part{PartOps, PartNetworks, PartTiming, PartMemory}
		default:
			o.Parts = nil
		}
		o.Say = func(format string, _ ...any) {
			if strings.HasPrefix(format, at) {
				cancel()
			}
		}
		r := Run(ctx, o)
		cancel()
		assert.False(t, r.Complete, at)
		assert.True(t, r.Interrupted, at)
		text, err := r.JSON()
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, new(Report)))
		assert.Contains(t, r.Markdown(), "**INCOMPLETE**", at)
		if at == "%s with" {
			assert.Len(t, r.Ops, len(o.Cases))
			assert.Len(t, r.Networks, 1)
			assert.Nil(t, r.Timing)
			assert.Contains(t, r.Markdown(), "interrupted")
		}
	}
}

// wrong is a case whose results off the CPU are wrong.
func wrong() operators.Case {
	return operators.Case{Name: "wrong", Ops: []string{"aten::tanh"}, Kind: operators.Pointwise,
		In: []operators.Maker{func() *torch.Tensor { return torch.Randn([]int{3}) }},
		Run: func(d torch.Device, in []*torch.Tensor) []*torch.Tensor {
			y := in[0].Tanh()
			if d != torch.CPU {
				y = y.AddScalar(1e-3)
			}
			return []*torch.Tensor{y}
		}}
}
