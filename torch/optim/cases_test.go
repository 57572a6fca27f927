// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package optim_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// caseFile reads what gen_optimizers.py writes. $ETUDE_TEST_OPTIM_CASES names another file
// than the small one beside this test.
func caseFile(t *testing.T, key string) (path string, cases []any) {
	t.Helper()
	torchtest.NoLeaks(t)
	path = cmp.Or(os.Getenv("ETUDE_TEST_OPTIM_CASES"), "testdata/optimizers.pt")
	file, err := pt.LoadDict(path)
	require.NoError(t, err)
	cases = torchtest.Entry[[]any](t, file, key)
	require.NotEmpty(t, cases)
	return path, cases
}

// TestOptimizersAgreeWithPyTorch takes the steps of PyTorch's optimizers, compares the
// parameters and the state dict with PyTorch's, and continues from PyTorch's state dict.
func TestOptimizersAgreeWithPyTorch(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	path, cases := caseFile(t, "optimizers")
	seen := map[string]int{}
	for i, c := range cases {
		d := c.(*torch.Dict)
		name := torchtest.Entry[string](t, d, "optimizer")
		seen[name]++
		if optimizersLeftOut[name] != "" {
			continue
		}
		t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
			torch.Scope(func() { runOptimizerCase(t, name, d) })
		})
	}
	for name := range optimizerRows {
		assert.NotZero(t, seen[name], "%s has no case in %s", name, path)
		assert.Empty(t, optimizersLeftOut[name], "%s is there", name)
	}
	t.Logf("%s: %d cases of %d optimizers; left out: %v", path, len(cases), len(seen), slices.Sorted(maps.Keys(optimizersLeftOut)))
}

func runOptimizerCase(t *testing.T, name string, d *torch.Dict) {
	tolerance, start := optimizerTolerance(t, name, d), tensorsOf(t, d, "start")
	fresh, step := optimizerSteps(t, name, d)
	trajectory, saved := torchtest.Entry[*torch.Dict](t, d, "trajectory"), torchtest.Entry[int](t, d, "saved_after")
	var last []*torch.Tensor
	params, o := fresh(start)
	middle := []*torch.Tensor(nil)
	for n := 1; n <= 20; n++ {
		step(params, o)
		if n == saved {
			want := torchtest.Entry[*torch.Dict](t, d, "state_dict")
			dropScratch(want)
			compareDicts(t, "state dict", want, o.StateDict(), tolerance)
		}
		if want, ok := trajectory.Get(n); ok {
			last = listOfTensors(t, want)
			for i, p := range params {
				compareTensors(t, fmt.Sprintf("parameter %d after %d steps", i, n), last[i], p.Detach(), tolerance)
			}
			if n == saved {
				middle = last
			}
		}
	}
	require.NotNil(t, middle, "the parameters of the saved state")
	params, o = fresh(middle)
	require.NoError(t, o.LoadStateDict(torchtest.Entry[*torch.Dict](t, d, "state_dict")))
	for n := saved + 1; n <= 20; n++ {
		step(params, o)
	}
	for i, p := range params {
		compareTensors(t, fmt.Sprintf("parameter %d, continued from PyTorch's state", i), last[i], p.Detach(), tolerance)
	}
}

// optimizerTolerance returns what parameters may differ by, relative to their largest number.
func optimizerTolerance(t *testing.T, name string, d *torch.Dict) float64 {
	switch {
	case name == "Muon": // computes in bfloat16, which other kernels round otherwise
		return 1e-3
	case torchtest.Entry[string](t, d, "dtype") == "float64" && name != "LBFGS": // whose differences of gradients magnify roundings
		return 1e-10
	}
	return 1e-5
}

// optimizerSteps returns a function that makes the optimizer of a case for parameters with
// given values, and one that takes a step.
func optimizerSteps(t *testing.T, name string, d *torch.Dict) (fresh func([]*torch.Tensor) ([]*torch.Tensor, optim.Optimizer), step func([]*torch.Tensor, optim.Optimizer)) {
	make, ok := optimizerRows[name]
	require.True(t, ok, "%s has neither a row in the table of optimizers nor a reason in optimizersLeftOut", name)
	target, weight := tensorsOf(t, d, "target"), tensorsOf(t, d, "weight")
	second, _ := d.Get("second")
	fresh = func(start []*torch.Tensor) (params []*torch.Tensor, o optim.Optimizer) {
		for _, p := range start {
			params = append(params, p.Clone().SetRequiresGrad(true))
		}
		settings := optimizerCase{t, torchtest.Entry[*torch.Dict](t, d, "kwargs")}
		if other, ok := second.(*torch.Dict); ok {
			return params, make(settings, params[:len(params)/2], optimizerGroup{optimizerCase{t, other}, params[len(params)/2:]})
		}
		return params, make(settings, params)
	}
	step = func(params []*torch.Tensor, o optim.Optimizer) {
		closure := func() *torch.Tensor {
			o.ZeroGrad()
			loss := torch.Zeros([]int{}, torch.Options{DType: params[0].DType()})
			for i, p := range params {
				loss = loss.Add(weight[i].Mul(p.Sub(target[i]).Square()).Sum())
			}
			loss.Backward()
			return loss
		}
		if c, ok := o.(interface {
			StepClosure(func() *torch.Tensor) float64
		}); ok {
			c.StepClosure(closure)
			return
		}
		closure()
		o.Step()
	}
	return fresh, step
}

// TestPyTorchContinues lets PyTorch's optimizers go on from the state dicts of ours, in the
// middle of each case, and compares where they arrive.
func TestPyTorchContinues(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	torchtest.Python(t)
	path, cases := caseFile(t, "optimizers")
	file, tolerances := filepath.Join(t.TempDir(), "saved.pt"), map[string]float64{}
	torch.Scope(func() {
		var saved []any
		for i, c := range cases {
			d := c.(*torch.Dict)
			name := torchtest.Entry[string](t, d, "optimizer")
			fresh, step := optimizerSteps(t, name, d)
			params, o := fresh(tensorsOf(t, d, "start"))
			for range torchtest.Entry[int](t, d, "saved_after") {
				step(params, o)
			}
			var values []any
			for _, p := range params {
				values = append(values, p.Detach())
			}
			saved = append(saved, torch.NewDict("case", i, "params", values, "state_dict", o.StateDict()))
			tolerances[strconv.Itoa(i)] = optimizerTolerance(t, name, d)
		}
		require.NoError(t, pt.Save(file, torch.NewDict("cases", saved)))
	})
	var differences map[string]float64
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/continue.py", path, file), &differences))
	require.Len(t, differences, len(cases))
	for i, x := range differences {
		assert.LessOrEqual(t, x, tolerances[i], "case %s", i)
	}
}

// dropScratch removes what PyTorch's LBFGS writes and never reads.
func dropScratch(state *torch.Dict) {
	states, _ := state.Get("state")
	if first, ok := states.(*torch.Dict).Get(0); ok {
		first.(*torch.Dict).Delete("al")
	}
}

// optimizerCase holds the settings that Python was given.
type optimizerCase struct {
	t     *testing.T
	named *torch.Dict
}

// optimizerGroup is a second group with settings of its own; the others are the first's.
type optimizerGroup struct {
	optimizerCase
	params []*torch.Tensor
}

// set changes *field to the setting of this name, if there is one.
func set[T any](c optimizerCase, name string, field *T) {
	v, ok := c.named.Get(name)
	if !ok || v == nil {
		return
	}
	if i, isInt := v.(int); isInt {
		if f, wantsFloat := any(field).(*float64); wantsFloat {
			*f = float64(i)
			return
		}
	}
	x, ok := v.(T)
	require.True(c.t, ok, "the setting %s is %T", name, v)
	*field = x
}

// setPair is set for two numbers.
func setPair(c optimizerCase, name string, field *[2]float64) {
	v, ok := c.named.Get(name)
	if !ok {
		return
	}
	for i, x := range torchtest.List(v) {
		set(optimizerCase{c.t, torch.NewDict("x", x)}, "x", &field[i])
	}
}

// TestSchedulersAgreeWithPyTorch takes 40 steps of each scheduler, and 20 from PyTorch's
// state dict.
func TestSchedulersAgreeWithPyTorch(t *testing.T) {
	path, cases := caseFile(t, "schedulers")
	seen := map[string]int{}
	for i, c := range cases {
		d := c.(*torch.Dict)
		name, desc := torchtest.Entry[string](t, d, "scheduler"), torchtest.Entry[string](t, d, "desc")
		seen[name]++
		if schedulersLeftOut[name] != "" {
			continue
		}
		t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
			torch.Scope(func() { runSchedulerCase(t, name+": "+desc, d) })
		})
	}
	for name := range schedulersLeftOut {
		assert.NotZero(t, seen[name], name)
	}
	t.Logf("%s: %d cases of %d schedulers; left out: %v", path, len(cases), len(seen), slices.Sorted(maps.Keys(schedulersLeftOut)))
}

func runSchedulerCase(t *testing.T, name string, d *torch.Dict) {
	make, ok := schedulerRows[name]
	require.True(t, ok, "%q has neither a row in the table of schedulers nor a reason in schedulersLeftOut", name)
	fresh := func() (*optim.SGD, optim.Scheduler) {
		first, second := torch.Zeros([]int{2}).SetRequiresGrad(true), torch.Zeros([]int{3}).SetRequiresGrad(true)
		c := optim.DefaultSGD()
		c.LR = 0.1
		if torchtest.Entry[bool](t, d, "momentum") {
			c.Momentum = 0.9
		}
		o := optim.NewSGD([]*torch.Tensor{first}, c)
		c.LR = 0.02
		o.AddGroup([]*torch.Tensor{second}, c)
		return o, make(o)
	}
	lrs, momenta, values := torchtest.List(torchtest.Entry[any](t, d, "lrs")), torchtest.List(torchtest.Entry[any](t, d, "momenta")), torchtest.List(torchtest.Entry[any](t, d, "values"))
	compare := func(n int, o *optim.SGD) {
		for g, group := range o.Groups() {
			near(t, float(torchtest.List(lrs[n])[g]), group.Config.LR, "learning rate of group %d after %d steps", g, n)
			near(t, float(torchtest.List(momenta[n])[g]), group.Config.Momentum, "momentum of group %d after %d steps", g, n)
		}
	}
	steps := func(o *optim.SGD, s optim.Scheduler, from int) {
		for n := from; n < len(lrs); n++ {
			value := math.NaN()
			if len(values) > 0 {
				value = float(values[n-1])
			}
			s.Step(value)
			compare(n, o)
			if n == torchtest.Entry[int](t, d, "saved_after") && from == 1 {
				compareDicts(t, "state dict", torchtest.Entry[*torch.Dict](t, d, "state_dict"), s.StateDict(), 1e-12)
			}
		}
	}
	o, s := fresh()
	compare(0, o)
	steps(o, s, 1)
	o, s = fresh()
	require.NoError(t, o.LoadStateDict(torchtest.Entry[*torch.Dict](t, d, "optimizer_state")))
	require.NoError(t, s.LoadStateDict(torchtest.Entry[*torch.Dict](t, d, "state_dict")))
	steps(o, s, torchtest.Entry[int](t, d, "saved_after")+1)
}

// near compares two rates: both sides compute in float64, not always in the same order.
func near(t *testing.T, want, got float64, format string, args ...any) {
	t.Helper()
	assert.InDelta(t, want, got, 1e-12*max(1, math.Abs(want)), format, args)
}

func float(v any) float64 {
	if i, ok := v.(int); ok {
		return float64(i)
	}
	return v.(float64)
}

func tensorsOf(t *testing.T, d *torch.Dict, key string) []*torch.Tensor {
	return listOfTensors(t, torchtest.Entry[any](t, d, key))
}

func listOfTensors(t *testing.T, v any) (ts []*torch.Tensor) {
	for _, x := range torchtest.List(v) {
		p, ok := x.(*torch.Tensor)
		require.True(t, ok, "%T in a list of tensors", x)
		ts = append(ts, p)
	}
	return ts
}

// compareDicts compares all that PyTorch wrote, key by key, with numbers within tolerance.
func compareDicts(t *testing.T, what string, want, got any, tolerance float64) {
	t.Helper()
	switch w := want.(type) {
	case *torch.Dict:
		g, ok := got.(*torch.Dict)
		require.True(t, ok, "%s: is %T", what, got)
		assert.ElementsMatch(t, w.Keys(), g.Keys(), "%s: keys", what)
		for k, v := range w.All() {
			if x, ok := g.Get(k); ok {
				compareDicts(t, fmt.Sprintf("%s: %v", what, k), v, x, tolerance)
			}
		}
	case []any, torch.Tuple:
		a := torchtest.List(w)
		switch got.(type) {
		case []any, torch.Tuple:
		default:
			require.Fail(t, "not a list", "%s: is %T", what, got)
		}
		b := torchtest.List(got)
		require.Len(t, b, len(a), "%s", what)
		for i := range a {
			compareDicts(t, fmt.Sprintf("%s: %d", what, i), a[i], b[i], tolerance)
		}
	case *torch.Tensor:
		if x, ok := got.(float64); ok && w.Dim() == 0 { // a learning rate that was given as a tensor
			compareDicts(t, what, w.Item(), x, tolerance)
			return
		}
		g, ok := got.(*torch.Tensor)
		require.True(t, ok, "%s: is %T", what, got)
		compareTensors(t, what, w, g, tolerance)
	case float64, int:
		switch got.(type) {
		case float64, int:
			if a, b := float(w), float(got); a != b {
				assert.InDelta(t, a, b, tolerance*max(1, math.Abs(a)), what)
			}
		default:
			assert.Equal(t, want, got, what)
		}
	default:
		assert.Equal(t, want, got, what)
	}
}

func compareTensors(t *testing.T, what string, want, got *torch.Tensor, tolerance float64) {
	t.Helper()
	assert.Zero(t, want.IsNaN().Any().Item(), "%s: PyTorch's has a NaN", what)
	assert.Empty(t, torchtest.Differ(want, got, tolerance), what)
}
