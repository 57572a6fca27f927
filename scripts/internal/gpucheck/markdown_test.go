// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch/torchtest/operators"
)

// example is a report as a GPU might give it.
func example() *Report {
	yes := true
	measure := func(name string, ms float64) Measure {
		return Measure{Name: name, Milliseconds: ms, Least: ms * 0.9, Most: ms * 1.2, Rounds: 15, Steps: 100}
	}
	r := &Report{
		Format: Format, Device: "cuda:0", Complete: true, Parts: Parts(), Seconds: 321.4,
		Versions: Versions{
			Etude: "devel-0123456789ab", Libtorch: "2.15.0", Go: "go1.26.8", OS: "Debian GNU/Linux 12 (bookworm), kernel 6.1.0",
			CPU: "A Processor", Cores: 16, Threads: 16, Python: "3.11.7", Torch: "2.15.0+cu132",
			GPU: "A GPU | with a bar", GPUMemory: 80 << 30, GPUMemoryFree: 79 << 30, Multiprocessors: 132, Capability: "9.0",
			CUDA: "13.2", DriverCUDA: "13.2", Driver: "580.65.06", CuDNN: "9.26.0",
		},
		Tests: &TestsResult{Packages: Packages, Passed: 700, Skipped: 3, Reasons: map[string]int{"no Python": 1, "there is one GPU": 2}},
		Ops: []operators.Result{
			{Case: "cat", Ops: []string{"aten::cat"}, Kind: operators.Exact.String(), Gradient: &Difference{}, OK: true},
			{Case: "tanh", Ops: []string{"aten::tanh"}, Kind: operators.Pointwise.String(), Forward: Difference{Absolute: 2e-7, Relative: 3e-7}, Gradient: &Difference{Absolute: 1e-7, Relative: 4e-6}, GradientTolerance: operators.Sum.Tolerance(), OK: true},
			{Case: "linear", Ops: []string{"aten::linear"}, Kind: operators.Sum.String(), Forward: Difference{Absolute: 1e-5, Relative: 2e-6}, Gradient: &Difference{Absolute: 1e-5, Relative: 3e-6}, GradientTolerance: operators.Sum.Tolerance(), OK: true},
		},
		Networks: []NetworkResult{
			{Network: "emotion", Optimizer: "Adam", Steps: 20, Loss: Difference{Absolute: 1e-8, Relative: 3e-8}, Gradients: Difference{Absolute: 1e-9, Relative: 2e-6},
				Losses: Difference{Absolute: 2e-8, Relative: 5e-8}, Weights: Difference{Absolute: 1e-6, Relative: 2e-5}, Repeats: &yes, Graph: &Difference{}, OK: true},
		},
		Optimizers: []NetworkResult{{Network: "groove", Optimizer: "SGD, Nesterov", Steps: 20, Repeats: &yes, Graph: &Difference{Absolute: 1e-9, Relative: 1e-9}, OK: true}},
		Timing: []TimingResult{{Network: "emotion", Batch: batch, Measures: []Measure{
			measure(Ours, 0.412), measure(oursGraph, 0.081), measure(Python, 0.95), measure(PythonFused, 0.8),
			{Name: PythonCompile, Problem: "InductorError: no C++ compiler"},
		}}},
		Memory: []MemoryResult{{Network: "emotion", Use: MemoryUse{6 << 20, 9 << 20, 20 << 20, 22 << 20}, Steps: 1000, OK: true}},
	}
	return r
}

func TestMarkdown(t *testing.T) {
	r := example()
	r.judge()
	golden(t, "pass.md", r.Markdown())

	r = example()
	no := false
	r.Tests.Failed, r.Tests.Failures = 1, []TestFailure{{Package: "example.com/m/trainer", Test: "TestX/y", Output: "…"}}
	r.Ops[1].OK, r.Ops[1].Problem = false, "the results differ by 1.0e-03;\n1.9e-06 is the limit"
	r.Networks[0].OK, r.Networks[0].Problem, r.Networks[0].Repeats = false, "two runs with deterministic algorithms differ", &no
	r.Networks[0].Graph = nil
	r.Memory[0].OK, r.Memory[0].GrowthBytes, r.Memory[0].Problem = false, 4096, "1000 steps left 4096 bytes and 0 tensors behind"
	r.Timing[0].Measures[1] = Measure{Name: oursGraph, Problem: "operation not permitted when stream is capturing"}
	r.judge()
	golden(t, "fail.md", r.Markdown())
	assert.Len(t, r.Failures, 5)

	// An interrupt before the end.
	r = example()
	r.Complete, r.Interrupted, r.Timing, r.Memory = false, true, nil, nil
	r.judge()
	assert.True(t, strings.HasPrefix(r.Markdown(), "**INCOMPLETE** on cuda:0"), r.Markdown())
	assert.Contains(t, r.Summary(), "; not everything was run: interrupted (")
}

// What Python cannot do fails nothing; what we cannot does.
func TestJudge(t *testing.T) {
	r := example()
	r.judge()
	assert.True(t, r.Passed, "%v", r.Failures)
	for name, spoil := range map[string]func(*Report){
		"a test":      func(r *Report) { r.Tests.Failures = []TestFailure{{Package: "p", Test: "TestX"}} },
		"no tests":    func(r *Report) { r.Tests.Passed = 0 },
		"go test":     func(r *Report) { r.Tests.Problem = "go test: exit status 2" },
		"an operator": func(r *Report) { r.Ops[0].OK = false },
		"a network":   func(r *Report) { r.Networks[0].OK = false },
		"an optimizer": func(r *Report) {
			r.Optimizers[0].OK = false
		},
		"our timing": func(r *Report) { r.Timing[0].Measures[0].Problem = "out of memory" },
		"memory":     func(r *Report) { r.Memory[0].OK = false },
	} {
		r := example()
		spoil(r)
		r.judge()
		assert.False(t, r.Passed, name)
		assert.Len(t, r.Failures, 1, name)
	}
}

// Of an operator with several cases all have to agree.
func TestOperatorsAreCountedOnce(t *testing.T) {
	ops := func(oks ...bool) *Report {
		r := &Report{}
		for _, ok := range oks {
			r.Ops = append(r.Ops, operators.Result{Ops: []string{"aten::tanh"}, OK: ok})
		}
		return r
	}
	for _, c := range []struct {
		r    *Report
		want int
	}{{ops(true, true), 1}, {ops(false, true), 0}, {ops(true, false), 0}} {
		agreed, all := c.r.ops()
		assert.Equal(t, 1, all)
		assert.Equal(t, c.want, agreed)
	}
}
