// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestModulesAgreeWithPyTorch makes the modules of a case file, which gen_modules.py
// writes, and compares initial values, outputs, gradients and state with PyTorch's.
// $ETUDE_TEST_MODULE_CASES names another file than the small one beside this test.
func TestModulesAgreeWithPyTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	torchtest.NoLeaks(t)
	path := cmp.Or(os.Getenv("ETUDE_TEST_MODULE_CASES"), "testdata/modules.pt")
	file, err := pt.LoadDict(path)
	require.NoError(t, err)
	cases := torchtest.Entry[[]any](t, file, "cases")
	defer walkValues(cases, func(v any) {
		if x, ok := v.(*torch.Tensor); ok {
			x.Close()
		}
	})
	require.NotEmpty(t, cases)
	seen := map[string]int{}
	for i, c := range cases {
		d := c.(*torch.Dict)
		name := torchtest.Entry[string](t, d, "module")
		seen[name]++
		if _, ok := notWritten[name]; ok {
			continue
		}
		t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
			torch.Scope(func() { runModuleCase(t, name, d) })
		})
	}
	for name := range modules {
		assert.NotZero(t, seen[name], "%s has no case in %s", name, path)
		assert.NotContains(t, notWritten, name, "it is there")
	}
	covered := len(seen) - len(notWritten)
	t.Logf("%s: %d cases of %d modules, %d of them covered; left out: %v", path, len(cases), len(seen), covered, slices.Sorted(maps.Keys(notWritten)))
}

// initialTolerance returns what initial values may differ by, relative to the largest one.
// The committed file comes from another machine, whose vector kernels may round otherwise;
// those of a file that was made here are PyTorch's bit for bit.
func initialTolerance() float64 {
	if os.Getenv("ETUDE_TEST_MODULE_CASES") == "" {
		return 1e-6
	}
	return 0
}

// runModuleCase compares one case. All kernels are libtorch's own, so the tolerance is
// for other processors than the one that wrote the file.
func runModuleCase(t *testing.T, name string, d *torch.Dict) {
	make, ok := modules[name]
	require.True(t, ok, "%s has neither a row in the table of modules nor a reason in notWritten", name)
	dtype, err := torch.ParseDType(torchtest.Entry[string](t, d, "dtype"))
	require.NoError(t, err)
	c := moduleCase{t, torchtest.List(torchtest.Entry[any](t, d, "args")), torchtest.Entry[*torch.Dict](t, d, "kwargs"), dtype}

	torch.ManualSeed(uint64(torchtest.Entry[int](t, d, "seed")))
	module := make(c)
	compareState(t, "initial values", torchtest.Entry[*torch.Dict](t, d, "initial"), nn.StateDict(module), initialTolerance())
	require.NoError(t, nn.LoadStateDict(module, torchtest.Entry[*torch.Dict](t, d, "state")))
	nn.SetTraining(module, torchtest.Entry[bool](t, d, "training"))

	inputs, named := torchtest.List(torchtest.Entry[any](t, d, "inputs")), torchtest.Entry[*torch.Dict](t, d, "named")
	wanted := torchtest.List(torchtest.Entry[any](t, d, "requires_grad"))
	var leaves []*torch.Tensor
	collect := func(v any) {
		if x, ok := v.(*torch.Tensor); ok {
			if wanted[len(leaves)].(bool) {
				x.SetRequiresGrad(true)
			}
			leaves = append(leaves, x)
		}
	}
	walkValues(inputs, collect)
	for _, v := range named.All() {
		walkValues(v, collect)
	}
	torch.ManualSeed(uint64(torchtest.Entry[int](t, d, "seed")))
	outputs := forward(c, module, inputs, named)
	want := torchtest.List(torchtest.Entry[any](t, d, "outputs"))
	require.Len(t, outputs, len(want), "outputs")
	cotangents := torchtest.List(torchtest.Entry[any](t, d, "cotangents"))
	var roots []*torch.Tensor
	for i, y := range outputs {
		compareTensors(t, fmt.Sprintf("output %d", i), want[i].(*torch.Tensor), y, c.tolerance())
		if g, ok := cotangents[i].(*torch.Tensor); ok {
			require.True(t, y.RequiresGrad(), "output %d has no gradient", i)
			roots = append(roots, y.Mul(g).Sum())
		}
	}
	if roots != nil { // one backward pass, as in Python: two would round otherwise
		torch.Stack(roots, 0).Sum().Backward()
	}
	for i, g := range torchtest.List(torchtest.Entry[any](t, d, "grads")) {
		compareGrads(t, fmt.Sprintf("gradient of input %d", i), g, leaves[i], c.tolerance())
	}
	parameters := map[string]*torch.Tensor{}
	for _, n := range nn.NamedParameters(module) {
		parameters[n.Name] = n.Tensor
	}
	for name, g := range torchtest.Entry[*torch.Dict](t, d, "parameter_grads").All() {
		p, ok := parameters[name.(string)]
		if assert.True(t, ok, "there is no parameter %s", name) {
			compareGrads(t, fmt.Sprintf("gradient of %s", name), g, p, c.tolerance())
		}
	}
	compareState(t, "state after the step", torchtest.Entry[*torch.Dict](t, d, "after"), nn.StateDict(module), c.tolerance())
}

// moduleCase holds how Python made a module.
type moduleCase struct {
	t     *testing.T
	args  []any
	named *torch.Dict
	dtype torch.DType
}

func (c moduleCase) tolerance() float64 {
	if c.dtype == torch.Float64 {
		return 1e-10
	}
	return 1e-5
}

// value returns the argument that stands at place i or has a name; nil if it is not given
// or None. A place below 0 is for an argument that is always named.
func (c moduleCase) value(i int, name string) any {
	if i >= 0 && i < len(c.args) {
		return c.args[i]
	}
	v, _ := c.named.Get(name)
	return v
}

// The methods below return an argument as a type of Go, and a fallback, Python's default,
// where it is not given.

func (c moduleCase) int(i int, name string, fallback int) int {
	return valueOr(c, i, name, fallback)
}

func (c moduleCase) bool(i int, name string, fallback bool) bool {
	return valueOr(c, i, name, fallback)
}

func (c moduleCase) string(i int, name, fallback string) string {
	return valueOr(c, i, name, fallback)
}

func (c moduleCase) float(i int, name string, fallback float64) float64 {
	switch v := c.value(i, name).(type) {
	case int:
		return float64(v)
	case nil:
		return fallback
	default:
		return v.(float64)
	}
}

// ints returns a number as a list of one, and nil where nothing is given.
func (c moduleCase) ints(i int, name string) []int {
	switch v := c.value(i, name).(type) {
	case int:
		return []int{v}
	case nil:
		return nil
	default:
		var xs []int
		for _, x := range torchtest.List(v) {
			n, ok := x.(int)
			if !ok {
				n = -1 // None in the size of an adaptive pool
			}
			xs = append(xs, n)
		}
		return xs
	}
}

// floats is ints for floating-point numbers.
func (c moduleCase) floats(i int, name string) []float64 {
	number := func(x any) float64 {
		if n, ok := x.(int); ok {
			return float64(n)
		}
		return x.(float64)
	}
	switch v := c.value(i, name).(type) {
	case int, float64:
		return []float64{number(v)}
	case nil:
		return nil
	default:
		var xs []float64
		for _, x := range torchtest.List(v) {
			xs = append(xs, number(x))
		}
		return xs
	}
}

func (c moduleCase) tensor(i int, name string) *torch.Tensor {
	x, _ := c.value(i, name).(*torch.Tensor)
	return x
}

func (c moduleCase) reduction() torch.Reduction {
	return map[string]torch.Reduction{"mean": nn.ReduceMean, "sum": nn.ReduceSum, "none": nn.ReduceNone}[c.string(-1, "reduction", "mean")]
}

func valueOr[T any](c moduleCase, i int, name string, fallback T) T {
	v := c.value(i, name)
	if v == nil {
		return fallback
	}
	x, ok := v.(T)
	require.True(c.t, ok, "the argument %s is %T, not %T", name, v, x)
	return x
}

// runner is implemented by what a row makes of a module whose inputs or outputs are not
// those of Python, one by one.
type runner interface {
	run(c moduleCase, inputs []any, named *torch.Dict) []*torch.Tensor
}

// forward calls the module's Forward or Loss with the inputs, None being nil.
func forward(c moduleCase, module any, inputs []any, named *torch.Dict) (outputs []*torch.Tensor) {
	if r, ok := module.(runner); ok {
		return r.run(c, inputs, named)
	}
	for _, x := range named.All() { // in Python's order
		inputs = append(inputs, x)
	}
	f := reflect.ValueOf(module).MethodByName("Forward")
	if !f.IsValid() {
		f = reflect.ValueOf(module).MethodByName("Loss")
	}
	require.True(c.t, f.IsValid(), "%T has neither Forward nor Loss", module)
	require.Equal(c.t, f.Type().NumIn(), len(inputs), "inputs of %T", module)
	var in []reflect.Value
	for i, x := range inputs {
		if x == nil {
			in = append(in, reflect.Zero(f.Type().In(i)))
			continue
		}
		in = append(in, reflect.ValueOf(x))
	}
	for _, y := range f.Call(in) {
		outputs = append(outputs, y.Interface().(*torch.Tensor))
	}
	return outputs
}

// walkValues calls f with v, or with all that the list v holds.
func walkValues(v any, f func(any)) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			walkValues(x, f)
		}
	case torch.Tuple:
		walkValues([]any(v), f)
	case *torch.Dict:
		if p, ok := v.Get("packed"); ok { // a PackedSequence: the other tensors are indices
			f(torchtest.List(p)[0])
			return
		}
		for _, x := range v.All() {
			walkValues(x, f)
		}
	default:
		f(v)
	}
}

func compareState(t *testing.T, what string, want, got *torch.Dict, tolerance float64) {
	t.Helper()
	require.Equal(t, want.Keys(), got.Keys(), "%s: names", what)
	for name, w := range want.All() {
		g, _ := got.Get(name)
		compareTensors(t, fmt.Sprintf("%s: %s", what, name), w.(*torch.Tensor), g.(*torch.Tensor), tolerance)
	}
}

func compareGrads(t *testing.T, what string, want any, of *torch.Tensor, tolerance float64) {
	t.Helper()
	w, ok := want.(*torch.Tensor)
	g := of.Grad()
	if !ok || g == nil {
		assert.Equal(t, ok, g != nil, "%s: whether there is one", what)
		return
	}
	compareTensors(t, what, w, g, tolerance)
}

func compareTensors(t *testing.T, what string, want, got *torch.Tensor, tolerance float64) {
	t.Helper()
	assert.Empty(t, torchtest.Differ(want, got, tolerance), what)
}
