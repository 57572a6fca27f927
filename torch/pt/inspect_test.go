// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/inspect"
)

func join(name string, step any) string {
	if name == "" {
		return fmt.Sprint(step)
	}
	return fmt.Sprint(name, ".", step)
}

// listed are the tensors of a golden JSON, which Python wrote, as Inspect lists them.
func listed(t *testing.T, name string, v any) (out []inspect.Tensor) {
	t.Helper()
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	ints := func(key string) []int {
		list := []int{}
		for _, x := range m[key].([]any) {
			list = append(list, int(x.(float64)))
		}
		return list
	}
	if _, ok := m["tensor"]; ok {
		elements, err := hex.DecodeString(m["elements"].(string))
		require.NoError(t, err)
		sum := sha256.Sum256(elements)
		return []inspect.Tensor{{
			Name: name, DType: m["dtype"].(string), Shape: ints("shape"), Strides: ints("stride"),
			Bytes: int64(len(elements)), SHA256: hex.EncodeToString(sum[:]),
		}}
	}
	if items, ok := m["items"]; ok {
		for _, pair := range items.([]any) {
			key := pair.([]any)[0]
			if number, ok := key.(map[string]any); ok {
				key = number["int"]
			}
			out = append(out, listed(t, join(name, fmt.Sprint(key)), pair.([]any)[1])...)
		}
	}
	for _, kind := range []string{"list", "tuple"} {
		if items, ok := m[kind]; ok {
			for i, x := range items.([]any) {
				out = append(out, listed(t, join(name, i), x)...)
			}
		}
	}
	return out
}

func TestInspectListsTensors(t *testing.T) { // without libtorch
	for file, json_ := range map[string]string{
		"dtypes": "dtypes", "views": "views", "lazy": "lazy", "module": "module", "checkpoint": "checkpoint",
		"legacy_dtypes": "dtypes", "legacy_views": "views", "big": "big",
		"everything2": "everything", "everything5": "everything", "legacy2": "everything", "legacy5": "everything",
		"version_1.13.1": "version_1.13.1", "version_2.1.2_legacy": "version_2.1.2",
	} {
		var tree any
		require.NoError(t, json.Unmarshal([]byte(golden(t, json_)), &tree))
		want := listed(t, "", tree)
		require.NotEmpty(t, want)
		info, err := Inspect(t.Context(), filepath.Join("testdata", file+".pt"))
		require.NoError(t, err)
		assert.Equal(t, want, info.Tensors, file)
	}
}

func TestInspectValues(t *testing.T) {
	info, err := Inspect(t.Context(), "testdata/checkpoint.pt")
	require.NoError(t, err)
	assert.Equal(t, "pt", info.Format)
	assert.Equal(t, "little", info.Metadata["byteorder"])
	assert.Equal(t, "2", info.Metadata["pickle_protocol"])
	for name, want := range map[string]any{
		"epoch": 3, "loss": 0.25, "metrics.val_loss": []any{0.5, 0.25}, "metrics.best": true, "metrics.note": nil,
		"optimizer_state_dict.param_groups.0.betas": []any{0.9, 0.999},
	} {
		v, ok := info.Values.Get(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, v, name)
	}
	b, err := json.Marshal(info)
	require.NoError(t, err)
	assert.Contains(t, string(b), `"values":{"epoch":3,`)

	info, err = Inspect(t.Context(), "testdata/plain.pt")
	require.NoError(t, err)
	v, _ := info.Values.Get("floats")
	assert.Equal(t, []any{0.0, 0.0, 0.1, 1e300, 5e-324, "inf", "-inf", "nan"}, v)
	_, err = json.Marshal(info)
	require.NoError(t, err)
	info, err = Inspect(t.Context(), "testdata/module.pt")
	require.NoError(t, err)
	v, _ = info.Values.Get("state._metadata.1.version")
	assert.Equal(t, 2, v)
}

func TestInspectRefuses(t *testing.T) {
	_, err := Inspect(t.Context(), "testdata/none.pt")
	assert.EqualError(t, err, "pt: cannot inspect testdata/none.pt: no such file or directory")
	info, err := Inspect(t.Context(), "testdata/class.pt") // the name of the class, and nothing else
	require.NoError(t, err)
	assert.Equal(t, inspect.Values{{Name: "", Value: "<torch.nn.modules.container.Sequential>"}}, info.Values)
	assert.Empty(t, info.Tensors)

	wide := "]"
	for range 40 {
		wide = "](" + wide + "q\x00h\x00e"
	}
	many := "](" + tensorCall(storageID("FloatStorage", "0", 4), 0, tuple(integer(1<<40)), tuple(integer(0))) + "e"
	for want, opcodes := range map[string]string{
		"nested so that there are too many": wide,
		"add up to many times":              many,
		"a dict has a list as a key":        "}]Ns",
	} {
		b := archived(t, opcodes)
		_, err := inspectReader(t.Context(), bytes.NewReader(b), int64(len(b)))
		require.Error(t, err, want)
		assert.Contains(t, err.Error(), want)
	}

	b := archived(t, tensorCall(storageID("FloatStorage", "0", 4), 0, tuple(integer(4)), tuple(integer(1))))
	b[bytes.Index(b, []byte("0123"))]++
	_, err = inspectReader(t.Context(), bytes.NewReader(b), int64(len(b)))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "is damaged: its checksum is")
}
