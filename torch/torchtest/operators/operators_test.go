// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

// covered are the operators that have a case.
func covered() map[string]bool {
	ops := map[string]bool{}
	for _, c := range All() {
		for _, op := range c.Ops {
			ops[op] = true
		}
	}
	return ops
}

// literals returns the operators that the sources name: every string that begins with
// "aten::".
func literals(t *testing.T) map[string]string {
	found := map[string]string{}
	for _, dir := range []string{"torch", "torch/nn", "torch/optim", "torch/optim/swa", "torch/data", "models", "trainer"} {
		names, err := filepath.Glob(filepath.Join("../../..", dir, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, names, dir)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				if n, ok := n.(*ast.BasicLit); ok {
					if text, err := strconv.Unquote(n.Value); err == nil && strings.HasPrefix(text, "aten::") {
						found[text] = name
					}
				}
				return true
			})
		}
	}
	delete(found, "aten::") // what Call puts before a name without it
	return found
}

func TestEveryOperatorInTheSourcesHasACase(t *testing.T) {
	found, have := literals(t), covered()
	require.Greater(t, len(found), 100)
	for op, file := range found {
		assert.True(t, have[op], "%s, which %s calls, has no case", op, file)
	}
	for op := range have {
		assert.Contains(t, found, op, "nothing calls it any more")
	}
}

// Each case calls the operators that it lists.
func TestCasesCallTheirOperators(t *testing.T) {
	torchtest.Need(t)
	names := map[string]bool{}
	for _, c := range All() {
		assert.False(t, names[c.Name], "two cases are called %q", c.Name)
		names[c.Name] = true
		torch.Scope(func() {
			in := c.inputs()
			calls := torchtest.Called(func() {
				if c.Name == "Dropout" { // it needs gradients, which a trace turns off
					torch.EnableGrad(func() { c.Run(torch.CPU, in) })
					return
				}
				c.Run(torch.CPU, in)
			})
			for _, op := range c.Ops {
				if op == "aten::pin_memory" || op == "aten::_cudnn_rnn_flatten_weight" { // they are called on a GPU only
					continue
				}
				assert.True(t, calls[op], "%s does not call %s but %v", c.Name, op, slices.Sorted(maps.Keys(calls)))
			}
		})
	}
}

// On the CPU both sides are equal to the last bit.
func TestCasesAgreeWithThemselves(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, c := range All() {
		r := c.Check(torch.CPU)
		assert.True(t, r.OK, "%s: %s", c.Name, r.Problem)
		assert.Zero(t, r.Forward, c.Name)
		if r.Gradient != nil {
			assert.Zero(t, *r.Gradient, c.Name)
		}
	}
}

// The rounding errors of float64 are negligible beside those of float32, so the CPU in
// float32 stands for a device that rounds differently. A tolerance is at least eight
// times the difference.
func TestCaseTolerancesAreWideEnough(t *testing.T) {
	torchtest.Need(t)
	for _, c := range All() {
		if c.Kind == Exact || c.Name == "LSTM, flat" { // which makes its weights itself, in float32
			continue
		}
		torch.Scope(func() {
			in := c.inputs()
			got := c.compute(torch.CPU, in)
			for i, x := range in {
				if x.DType() == torch.Float32 {
					in[i] = x.ToDType(torch.Float64)
				}
			}
			exact := c.compute(torch.CPU, in)
			worst := func(exact, got []*torch.Tensor) (worst Difference) {
				for i := range got {
					if got[i] != nil {
						require.NoError(t, worst.Compare(exact[i].Float64s(), got[i].Float64s()), c.Name)
					}
				}
				return worst
			}
			assert.Less(t, worst(exact.results, got.results).Relative, c.Kind.Tolerance()/8, c.Name)
			assert.Less(t, worst(exact.grads, got.grads).Relative, max(c.Kind, c.GradKind).Tolerance()/8, "%s: gradients", c.Name)
		})
	}
}

// The pretend accelerator keeps tensors apart from the CPU's and runs its kernels; a
// GPU has kernels of its own.
func TestCasesAgreeOnTheAccelerator(t *testing.T) {
	device := torchtest.Accelerator(t)
	torchtest.NoLeaks(t)
	defer torch.SetCuDNNAllowTF32(torch.CuDNNAllowTF32())
	torch.SetCuDNNAllowTF32(false)
	for _, c := range All() {
		r := c.Check(device)
		assert.True(t, r.OK, "%s: %s", c.Name, r.Problem)
	}
}

// wrong is a case whose results are changed by spoil on all devices but the CPU.
func wrong(kind Kind, spoil func(*torch.Tensor) *torch.Tensor) Case {
	return op("wrong", "tanh", kind, func(d torch.Device, in list) list {
		y := in[0].Tanh()
		if d != torch.CPU {
			y = spoil(y)
		}
		return list{y}
	}, x).grad(Exact)
}

func TestWrongResultsAreFound(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	// What TF32 would leave of a factor.
	const tf32 = 0x1p-11
	for _, c := range []struct {
		name  string
		kind  Kind
		spoil func(*torch.Tensor) *torch.Tensor
		want  string
	}{
		{"results", Pointwise, func(y *torch.Tensor) *torch.Tensor { return y.AddScalar(1e-4) }, "the results differ by"},
		{"as TF32", Sum, func(y *torch.Tensor) *torch.Tensor { return y.MulScalar(1 + tf32) }, "the results differ by"},
		{"as TF32, in a chain", Chain, func(y *torch.Tensor) *torch.Tensor { return y.MulScalar(1 + tf32) }, "the results differ by"},
		{"a last bit of a copy", Exact, func(y *torch.Tensor) *torch.Tensor { return y.MulScalar(1 + epsilon) }, "the results differ by"},
		{"gradients", Pointwise, func(y *torch.Tensor) *torch.Tensor { return y.MulScalar(2).Sub(y.Detach()) }, "the gradients differ by"},
		{"no gradient", Pointwise, func(y *torch.Tensor) *torch.Tensor { return y.Detach() }, "no gradient"},
		{"another place", Pointwise, func(y *torch.Tensor) *torch.Tensor { return y.To(torch.CPU) }, "on cpu, not on pretend:0"},
		{"another shape", Pointwise, func(y *torch.Tensor) *torch.Tensor { return y.Narrow(0, 0, 3) }, "is not float32 [64 128]"},
		{"another type", Pointwise, func(y *torch.Tensor) *torch.Tensor { return y.ToDType(torch.Float64) }, "float64"},
		{"NaN", Pointwise, func(y *torch.Tensor) *torch.Tensor { return y.Add(y.Sub(y.Detach()).Log()) }, "is -Inf, the CPU's is"},
		{"an error", Pointwise, func(y *torch.Tensor) *torch.Tensor { return y.Matmul(y) }, "cannot be multiplied"},
	} {
		bad := wrong(c.kind, c.spoil)
		r := bad.Check(device)
		assert.False(t, r.OK, c.name)
		assert.Contains(t, r.Problem, c.want, c.name)
	}

	good := wrong(Pointwise, func(y *torch.Tensor) *torch.Tensor { return y })
	r := good.Check(device)
	assert.True(t, r.OK, r.Problem)

	biased := op("biased", "rand", Exact, func(o torch.Options) tensor {
		x := torch.Rand([]int{many}, o)
		if o.Device != torch.CPU {
			x = x.MulScalar(0.99)
		}
		return uniformly(x, 0, 1)
	}).holds()
	r = biased.Check(device)
	assert.Contains(t, r.Problem, "what must hold on the device does not")

	zeros := op("not zeros", "zeros", Exact, func(o torch.Options) tensor {
		x := torch.Zeros([]int{3}, o)
		if o.Device != torch.CPU {
			x = x.AddScalar(1e-9)
		}
		return x
	})
	r = zeros.Check(device)
	assert.Contains(t, r.Problem, "the results differ by")
	_, err := json.Marshal(r)
	assert.NoError(t, err, "every number can be written")
}
