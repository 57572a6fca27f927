// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
)

// describer is testdata/describe.py in Go.
type describer struct {
	objects  map[any]int
	storages map[uint64]int
}

func describeJSON(t *testing.T, v any) string {
	t.Helper()
	d := describer{map[any]int{}, map[uint64]int{}}
	b, err := json.Marshal(d.describe(v))
	require.NoError(t, err)
	return string(b)
}

func number[K comparable](m map[K]int, k K) int {
	if _, ok := m[k]; !ok {
		m[k] = len(m)
	}
	return m[k]
}

func (d describer) list(vs []any) []any {
	out := []any{}
	for _, v := range vs {
		out = append(out, d.describe(v))
	}
	return out
}

func (d describer) describe(v any) any {
	switch v := v.(type) {
	case *torch.Tensor:
		s := v.Storage()
		return map[string]any{
			"tensor": number(d.objects, any(v)), "dtype": v.DType().String(),
			"shape": v.Shape(), "stride": v.Strides(), "offset": s.Offset,
			"storage": number(d.storages, s.ID), "bytes": s.Bytes,
			"requires_grad": v.RequiresGrad(), "elements": elements(v),
		}
	case *torch.Dict:
		m := map[string]any{"dict": number(d.objects, any(v)), "ordered": v.OrderedDict}
		items := []any{}
		for k, x := range v.All() {
			items = append(items, []any{d.describe(k), d.describe(x)})
		}
		m["items"] = items
		if v.Attributes != nil {
			m["attributes"] = d.describe(v.Attributes)
		}
		return m
	case []any:
		return map[string]any{"list": d.list(v)}
	case torch.Tuple:
		return map[string]any{"tuple": d.list(v)}
	case Size:
		return map[string]any{"size": []int(v)}
	case Set:
		return map[string]any{"set": d.sorted(v)}
	case FrozenSet:
		return map[string]any{"frozenset": d.sorted(v)}
	case ByteArray:
		return map[string]any{"bytearray": hex.EncodeToString(v)}
	case complex128:
		return map[string]any{"complex": []any{d.describe(real(v)), d.describe(imag(v))}}
	case nil, bool, string:
		return v
	case int, int64, *big.Int:
		return map[string]any{"int": fmt.Sprint(v)}
	case float64:
		return map[string]any{"float": fmt.Sprint(int64(math.Float64bits(v)))}
	case []byte:
		return map[string]any{"bytes": hex.EncodeToString(v)}
	case torch.DType:
		return map[string]any{"dtype": v.String()}
	case torch.Device:
		return map[string]any{"device": v.String()}
	case torch.Layout:
		return map[string]any{"layout": "strided"}
	}
	panic(fmt.Sprintf("%T", v))
}

// sorted is for sets, whose order is not the same in two runs of Python.
func (d describer) sorted(vs []any) []string {
	out := []string{}
	for _, v := range vs {
		b, err := json.Marshal(d.describe(v))
		if err != nil {
			panic(err)
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}

func elements(v *torch.Tensor) string {
	var b []byte
	torch.Scope(func() {
		v = v.Detach()
		if d := v.DType(); d == torch.Complex64 || d == torch.Complex128 {
			v = torch.Call("aten::resolve_conj", v).Tensor()
		}
		b = torch.Call("aten::resolve_neg", v).Tensor().Bytes()
	})
	return hex.EncodeToString(b)
}

// closeAll closes the tensors of a tree that nobody will have.
func closeAll(v any) { closeIn(v, map[*torch.Dict]bool{}) }

func closeIn(v any, seen map[*torch.Dict]bool) {
	switch v := v.(type) {
	case *torch.Tensor:
		v.Close()
	case *torch.Dict:
		if v == nil || seen[v] {
			return
		}
		seen[v] = true
		for _, x := range v.All() {
			closeIn(x, seen)
		}
		closeIn(v.Attributes, seen)
	case []any:
		for _, x := range v {
			closeIn(x, seen)
		}
	case torch.Tuple:
		closeIn([]any(v), seen)
	}
}
