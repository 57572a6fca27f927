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
		info, err := Inspect(filepath.Join("testdata", file+".pt"))
		require.NoError(t, err)
		assert.Equal(t, want, info.Tensors, file)
	}
}

func TestInspectValues(t *testing.T) {
	info, err := Inspect("testdata/checkpoint.pt")
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

	info, err = Inspect("testdata/plain.pt")
	require.NoError(t, err)
	v, _ := info.Values.Get("floats")
	assert.Equal(t, []any{0.0, 0.0, 0.1, 1e300, 5e-324, "inf", "-inf", "nan"}, v)
	_, err = json.Marshal(info)
	require.NoError(t, err)
	info, err = Inspect("testdata/module.pt")
	require.NoError(t, err)
	v, _ = info.Values.Get("state._metadata.1.version")
	assert.Equal(t, 2, v)
}

func TestInspectRefuses(t *testing.T) {
	_, err := Inspect("testdata/none.pt")
	assert.EqualError(t, err, "pt: cannot inspect testdata/none.pt: no such file or directory")
	_, err = Inspect("testdata/class.pt")
	require.Error(t, err)
	assert.Contains(t, err.Error(), `"torch.nn.modules.container.Sequential"`)

	wide := "]"
	for range 40 {
		wide = "](" + wide + "q\x00h\x00e"
	}
	many := "](" + tensorCall(storageID("FloatStorage", "0", 4), 0, tuple(integer(1<<40)), tuple(integer(0))) + "e"
	for want, opcodes := range map[string]string{
		"nested so that there are too many": wide,
		"add up to many times":              many,
		"contains itself":                   "]q\x00h\x00a",
		"stands where a value should":       global("torch", "Tensor"),
	} {
		b := archived(t, opcodes)
		_, err := inspectReader(bytes.NewReader(b), int64(len(b)))
		require.Error(t, err, want)
		assert.Contains(t, err.Error(), want)
	}

	b := archived(t, tensorCall(storageID("FloatStorage", "0", 4), 0, tuple(integer(4)), tuple(integer(1))))
	b[bytes.Index(b, []byte("0123"))]++
	_, err = inspectReader(bytes.NewReader(b), int64(len(b)))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "is damaged: its checksum is")
}
