// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestCalls exports the calls of PyTorch's test database whose operator is in the table,
// and compares ONNX Runtime with libtorch at three batch sizes and the example.
// $ETUDE_TEST_OP_CASES names a fuller file than the small one of package torch.
//
// Each call is a network in two ways. In the first, its tensors of float32 are parts of
// the input's first sample. In the second, the first of them is the input, whose batch
// is one of its dimensions; tensors of its shape are multiples of it, and the others are
// constants. Where libtorch refuses another size, there is no such network.
func TestCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	torchtest.Need(t)
	agreed, refused, differ := exportCalls(t)
	for _, op := range slices.Sorted(maps.Keys(differ)) {
		assert.Fail(t, op, differ[op])
	}
	cases, operators := 0, 0
	for _, n := range agreed {
		cases, operators = cases+n, operators+1
	}
	for _, op := range slices.Sorted(maps.Keys(refused)) {
		t.Logf("%s (%d agree): %s", op, agreed[op], refused[op])
	}
	t.Logf("%d cases of %d operators agree; %d rows in the table", cases, operators, len(table)+len(kept))
}

// callsThatRound have a wider tolerance: in a dimension of 64 the places of samples are
// rounded to float32 by 4e-6, and the example's values are up to 18 apart. libtorch itself is
// 5e-5 away from its result in float64 there.
var callsThatRound = map[string]float64{
	"aten::upsample_bicubic2d": 1e-4, "aten::upsample_bilinear2d": 1e-4, "aten::upsample_linear1d": 1e-4, "aten::upsample_trilinear3d": 1e-4,
}

// exportCalls returns, by row of the table, the number of cases that agree, a reason why
// others were refused, and what differs.
func exportCalls(t *testing.T) (agreed map[string]int, refused, differ map[string]string) {
	path := cmp.Or(os.Getenv("ETUDE_TEST_OP_CASES"), "../testdata/calls.pt")
	file, err := pt.LoadDict(path)
	require.NoError(t, err)
	calls, err := torch.Value[[]any](file, "calls")
	require.NoError(t, err)
	agreed, refused, differ = map[string]int{}, map[string]string{}, map[string]string{}
	dir := t.TempDir()
	var paths []string
	for i, c := range calls {
		d := c.(*torch.Dict)
		name, _ := d.Get("op")
		op, at := rowOf(name.(string)), name.(string)
		if table[op] == nil && kept[op] == nil {
			continue
		}
		for k, n := range networks(d) {
			s := Signature{Example: n.example, BatchAxis: n.axis, Opset: n.opset, Tolerance: callsThatRound[op]}
			e, err := newExporter(n.forward, one(n.forward), s)
			if err != nil {
				continue
			}
			file, problem := e.build()
			var data []byte
			var refusal error
			if problem == nil {
				data = file.Marshal()
				_, refusal = e.compare(data)
			}
			switch {
			case problem != nil && (strings.Contains(problem.Error(), "cannot run with") || strings.Contains(problem.Error(), "does not depend on an input")):
			case problem != nil:
				refused[op] = fmt.Sprintf("call %d, %s: %v", i, at, problem)
			case errors.Is(refusal, errNothingCompared) || errors.As(refusal, new(*torch.Error)): // not for such inputs
			case refusal != nil:
				differ[op] = fmt.Sprintf("call %d, network %d, %s: %v", i, k, at, refusal)
			default:
				agreed[op]++
				if agreed[op] <= 4 {
					paths = append(paths, filepath.Join(dir, fmt.Sprintf("%s_%d_%d.onnx", op[6:], i, k)))
					require.NoError(t, os.WriteFile(paths[len(paths)-1], data, 0o600))
				}
			}
		}
	}
	torchtest.RunPython(t, "testdata/check.py", paths...)
	return agreed, refused, differ
}

// rowOf returns the row that an operator's name has in the table.
func rowOf(name string) string {
	op, overload, _ := strings.Cut(name, ".")
	return strings.TrimSuffix(strings.TrimSuffix(op, "_")+"."+overload, ".")
}

// network is one case.
type network struct {
	forward forward
	example *torch.Tensor
	axis    int
	opset   int
}

// networks makes the networks of a call.
func networks(d *torch.Dict) (all []network) {
	get := func(key string) any { v, _ := d.Get(key); return v }
	var leaves []*torch.Tensor
	collectLeaves := func(x *torch.Tensor) *torch.Tensor {
		if x.DType() == torch.Float32 {
			leaves = append(leaves, x)
		}
		return x
	}
	for _, v := range get("args").([]any) {
		replaced(v, collectLeaves)
	}
	replaced(get("kwargs"), collectLeaves)
	if len(leaves) == 0 || slices.ContainsFunc(leaves, func(x *torch.Tensor) bool { return x.Numel() == 0 }) {
		return nil
	}
	name := get("op").(string)
	inPlace := len(torch.SchemaOf(name).Mutates) > 0
	// run makes the call with other tensors in the place of its leaves.
	run := func(given []*torch.Tensor) *torch.Tensor {
		if name == "aten::bucketize.Tensor" && len(given) > 1 { // boundaries are sorted
			given[1], _ = given[1].Sort(-1, false)
		}
		k := -1
		take := func(x *torch.Tensor) *torch.Tensor {
			if x.DType() != torch.Float32 {
				return x
			}
			k++
			if inPlace {
				return given[k].Clone()
			}
			return given[k]
		}
		args := collect(get("args").([]any), func(v any) any { return replaced(v, take) })
		named := torch.Named{}
		for key, v := range get("kwargs").(*torch.Dict).All() {
			named[key.(string)] = replaced(v, take)
		}
		r := torch.Call(name, append(args, named)...)
		var ys []*torch.Tensor
		for i := range r.Len() {
			switch y := r.At(i).(type) {
			case *torch.Tensor:
				ys = append(ys, y)
			case []*torch.Tensor:
				ys = append(ys, y...)
			}
		}
		ys = slices.DeleteFunc(ys, func(y *torch.Tensor) bool { return y == nil || y.Numel() == 0 })
		if keep := meaningful[rowOf(name)]; keep > 0 {
			ys = ys[:min(keep, len(ys))]
		}
		if len(ys) == 1 {
			return ys[0]
		}
		flat := collect(ys, func(y *torch.Tensor) *torch.Tensor { return y.ToDType(torch.Float32).Reshape(-1) })
		return torch.Cat(flat, 0)
	}
	opset := needsOpset[rowOf(name)]
	packed := torch.Cat(collect(leaves, func(x *torch.Tensor) *torch.Tensor { return x.Reshape(1, -1) }), 1)
	all = append(all, network{func(x *torch.Tensor) *torch.Tensor {
		parts, at := []*torch.Tensor{}, 0
		for _, leaf := range leaves {
			parts = append(parts, x.Select(0, 0).Narrow(0, at, leaf.Numel()).Reshape(leaf.Shape()...))
			at += leaf.Numel()
		}
		return run(parts)
	}, packed, 0, opset})
	axes, trusts := trusting[rowOf(name)]
	if !trusts {
		axes = leaves[0].Dim()
	}
	for axis := range min(axes, leaves[0].Dim()) {
		all = append(all, network{func(x *torch.Tensor) *torch.Tensor {
			given := slices.Clone(leaves)
			given[0] = x
			for i, leaf := range leaves[1:] {
				if slices.Equal(leaf.Shape(), leaves[0].Shape()) {
					given[i+1] = x.MulScalar(0.7)
				}
			}
			return run(given)
		}, leaves[0], axis, opset})
	}
	return all
}

// meaningful has the number of results that count, where others are for the derivative.
var meaningful = map[string]int{
	"aten::log_sigmoid_forward": 1, "aten::native_batch_norm": 1, "aten::_native_batch_norm_legit": 1,
	"aten::_native_batch_norm_legit.no_stats": 1, "aten::native_group_norm": 1, "aten::native_layer_norm": 1,
	"aten::nll_loss_forward": 1, "aten::nll_loss2d_forward": 1, "aten::_scaled_dot_product_flash_attention_for_cpu": 1,
	"aten::_embedding_bag_forward_only": 1, "aten::_linalg_det": 1,
}

// needsOpset has the opsets of operators that 17 does not have.
var needsOpset = map[string]int{"aten::grid_sampler_3d": 20, "aten::scatter_reduce.two": 18, "aten::avg_pool2d": 19, "aten::avg_pool3d": 19}

// trusting are operators that libtorch calls with sizes that it has checked, and that crash
// otherwise: the number of dimensions that may be the batch.
var trusting = map[string]int{
	"aten::native_group_norm": 0, "aten::native_batch_norm": 1, "aten::_native_batch_norm_legit": 1,
	"aten::_native_batch_norm_legit.no_stats": 1, "aten::native_layer_norm": 1,
	"aten::_native_batch_norm_legit_no_training": 1, "aten::_scaled_dot_product_flash_attention_for_cpu": 0,
}

// replaced copies a value of the file, with other tensors.
func replaced(v any, tensor func(*torch.Tensor) *torch.Tensor) any {
	switch v := v.(type) {
	case *torch.Tensor:
		return tensor(v)
	case *torch.Dict:
		for _, x := range v.All() {
			replaced(x, tensor)
		}
	case string:
		what, value, _ := strings.Cut(v, ":")
		switch what {
		case "dtype":
			if d, err := torch.ParseDType(value); err == nil {
				return d
			}
		case "layout":
			return torch.Strided
		case "device":
			return value
		case "memory_format":
			return torch.ContiguousFormat
		}
	case []any:
		ts, ints, floats, bools := []*torch.Tensor{}, []int{}, []float64{}, []bool{}
		for _, x := range v {
			switch x := replaced(x, tensor).(type) {
			case *torch.Tensor:
				ts = append(ts, x)
			case nil:
				ts = append(ts, nil)
			case int:
				ints, floats = append(ints, x), append(floats, float64(x))
			case float64:
				floats = append(floats, x)
			case bool:
				bools = append(bools, x)
			}
		}
		switch len(v) {
		case 0:
			return ints
		case len(ts):
			return ts
		case len(ints):
			return ints
		case len(floats):
			return floats
		case len(bools):
			return bools
		}
		return v
	}
	return v
}
