// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestCallsAgreeWithPyTorch repeats the calls that gen_calls.py kept of PyTorch's own test
// database. $ETUDE_TEST_OP_CASES names another file than the small one beside this test.
func TestCallsAgreeWithPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	repeatCalls(t, cmp.Or(os.Getenv("ETUDE_TEST_OP_CASES"), "testdata/calls.pt"))
}

// repeatCalls makes the calls of a file, and returns the file.
func repeatCalls(t *testing.T, path string) *torch.Dict {
	torch.SetWarningHandler(func(string) {})
	defer torch.SetWarningHandler(nil)
	file, err := pt.LoadDict(path)
	require.NoError(t, err)
	calls, err := torch.Value[[]any](file, "calls")
	require.NoError(t, err)
	require.NotEmpty(t, calls)
	operators, gradients, differ := map[string]bool{}, 0, map[string]string{}
	for i, c := range calls {
		d := c.(*torch.Dict)
		name, _ := d.Get("op")
		operators[name.(string)] = true
		var problem string
		err := torch.Try(func() { torch.Scope(func() { problem = repeat(d) }) })
		if err != nil {
			problem = err.Error()
		}
		if _, ok := d.Get("grads"); ok {
			gradients++
		}
		if problem != "" && callsThatDiffer[name.(string)] == "" {
			differ[name.(string)] = fmt.Sprintf("call %d: %s", i, problem)
		}
	}
	for name, problem := range differ {
		assert.Fail(t, name, problem)
	}
	t.Logf("%s: %d calls of %d operators, %d with gradients; left out: %v", path, len(calls), len(operators), gradients, callsThatDiffer)
	return file
}

// callsThatDiffer are operators whose results need not be PyTorch's, with the reason.
var callsThatDiffer = map[string]string{}

// repeat makes a call of the file, and returns what is otherwise than in PyTorch.
func repeat(d *torch.Dict) string {
	get := func(key string) any { v, _ := d.Get(key); return v }
	name := get("op").(string)
	var leaves []*torch.Tensor
	types := map[string]string{}
	_, wantsGrads := d.Get("grads")
	var positional []string
	for _, a := range torch.Arguments(name) {
		types[a.Name] = a.Base
		positional = append(positional, a.Name)
	}
	var args []any
	for i, v := range get("args").([]any) {
		args = append(args, argument(v, types[positional[i]], wantsGrads, &leaves))
	}
	named := torch.Named{}
	for k, v := range get("kwargs").(*torch.Dict).All() {
		named[k.(string)] = argument(v, types[k.(string)], wantsGrads, &leaves)
	}
	torch.ManualSeed(uint64(get("seed").(int)))
	var r torch.Result
	computed := inAutocast(get("autocast"), func() { r = torch.Call(name, append(args, named)...) })
	var got []any
	for i := range r.Len() {
		if list, ok := r.At(i).([]*torch.Tensor); ok {
			for _, x := range list {
				got = append(got, x)
			}
			continue
		}
		got = append(got, r.At(i))
	}
	want := flattened(get("results"))
	if len(got) != len(want) {
		return fmt.Sprintf("%d results, PyTorch has %d", len(got), len(want))
	}
	for i := range want {
		if problem := otherThan(want[i], got[i], computed); problem != "" {
			return fmt.Sprintf("result %d: %s", i, problem)
		}
	}
	if !wantsGrads {
		return ""
	}
	cotangents, at := get("cotangents").([]any), 0
	for _, y := range got {
		if x, ok := y.(*torch.Tensor); ok && x.RequiresGrad() {
			if at == len(cotangents) {
				return "more results than in PyTorch have gradients"
			}
			x.BackwardWith(cotangents[at].(*torch.Tensor), true)
			at++
		}
	}
	for i, w := range get("grads").([]any) {
		g := leaves[i].Grad()
		if wanted, ok := w.(*torch.Tensor); ok != (g != nil) {
			return fmt.Sprintf("gradient %d: is there %v, in PyTorch %v", i, g != nil, ok)
		} else if ok {
			if problem := otherThan(wanted, g, computed); problem != "" {
				return fmt.Sprintf("gradient %d: %s", i, problem)
			}
		}
	}
	return ""
}

// argument makes what Call takes of a value of the file. leaves collects the tensors that
// get gradients.
func argument(v any, kind string, grads bool, leaves *[]*torch.Tensor) any {
	switch v := v.(type) {
	case *torch.Tensor:
		if d := v.DType(); grads && (d.IsFloating() || d.IsComplex()) {
			v.SetRequiresGrad(true)
			*leaves = append(*leaves, v)
		}
	case string:
		what, value, _ := strings.Cut(v, ":")
		switch what {
		case "dtype":
			d, err := torch.ParseDType(value)
			if err != nil {
				panic(&torch.Error{Op: "ParseDType", Message: err.Error()})
			}
			return d
		case "device":
			return value
		case "layout":
			return torch.Strided
		case "memory_format":
			return map[string]torch.MemoryFormat{"contiguous_format": torch.ContiguousFormat, "preserve_format": torch.PreserveFormat,
				"channels_last": torch.ChannelsLast, "channels_last_3d": torch.ChannelsLast3d}[value]
		}
	case []any:
		switch {
		case strings.HasPrefix(kind, "Tensor"):
			ts := []*torch.Tensor{}
			for _, x := range v {
				x, _ := argument(x, "", grads, leaves).(*torch.Tensor)
				ts = append(ts, x)
			}
			return ts
		case strings.HasPrefix(kind, "bool"):
			bs := []bool{}
			for _, x := range v {
				bs = append(bs, x.(bool))
			}
			return bs
		}
		ints, floats := []int{}, []float64{}
		for _, x := range v {
			switch x := x.(type) {
			case int:
				ints, floats = append(ints, x), append(floats, float64(x))
			case float64:
				floats = append(floats, x)
			}
		}
		if len(ints) == len(v) && !strings.HasPrefix(kind, "float") {
			return ints
		}
		return floats
	}
	return v
}

func flattened(v any) (flat []any) {
	if list, ok := v.([]any); ok {
		for _, x := range list {
			flat = append(flat, flattened(x)...)
		}
		return flat
	}
	return []any{v}
}

// tolerances leave room for other processors than the one that wrote the file: in the short
// types some kernels add up in float32 and others in the type itself.
var tolerances = map[torch.DType]float64{
	torch.Float64: 1e-10, torch.Complex128: 1e-10, torch.Float32: 1e-5, torch.Complex64: 1e-5, torch.BFloat16: 1. / 32, torch.Float16: 1. / 256,
}

// otherThan returns what is otherwise than in PyTorch, beyond a tolerance of the type, or of
// the type in which it was computed if that is larger.
func otherThan(want, got any, computed torch.DType) string {
	w, ok := want.(*torch.Tensor)
	g, isTensor := got.(*torch.Tensor)
	if !ok || !isTensor || g == nil {
		if fmt.Sprint(want) != fmt.Sprint(got) && (want != nil || g != nil) {
			return fmt.Sprintf("is %v, PyTorch's %v", got, want)
		}
		return ""
	}
	tolerance := max(tolerances[w.DType()], tolerances[computed])
	if w.DType().IsComplex() && w.DType() == g.DType() {
		real := func(x *torch.Tensor) *torch.Tensor {
			return torch.Call("aten::view_as_real", torch.Call("aten::resolve_conj", x.Detach()).Tensor()).Tensor()
		}
		w, g = real(w), real(g)
	}
	return torchtest.Differ(w, g, tolerance)
}
