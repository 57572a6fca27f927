// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Files of PyTorch, safetensors and onnx are listed as these libraries read them, whatever
// the file's name is, without libtorch.
func TestInspect(t *testing.T) {
	dir := t.TempDir()
	torchtest.RunPython(t, "testdata/make_files.py", dir)
	expected, nothing := parseFile(t, filepath.Join(dir, "expected.json")), without(t)
	for _, name := range []string{"zip", "legacy.onnx", "safe.pt", "model.safetensors"} {
		path, want := filepath.Join(dir, name), expected[name].(map[string]any)
		r := runWith(t, nothing, "inspect", path, "--json")
		require.Equal(t, 0, r.code, r.stderr)
		assert.Empty(t, r.stderr)
		got := parse(t, r.stdout)
		assert.Equal(t, want["format"], got["format"])
		assert.Equal(t, want["values"], got["values"], name)
		if want["metadata"] != nil {
			assert.Equal(t, want["metadata"], got["metadata"], name)
		}
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.EqualValues(t, info.Size(), got["bytes"])
		var tensors []any
		for _, x := range got["tensors"].([]any) {
			tensor := x.(map[string]any)
			maps.DeleteFunc(tensor, func(key string, _ any) bool {
				return !slices.Contains([]string{"name", "dtype", "shape", "sha256"}, key)
			})
			tensors = append(tensors, tensor)
		}
		assert.Equal(t, want["tensors"], tensors, name)

		r = runWith(t, nothing, "inspect", path)
		assert.Equal(t, 0, r.code)
		assert.Regexp(t, `(?m)^\d+ tensors, \d+ elements, \d+ bytes; the `+got["format"].(string)+` file has \d+ bytes$`, r.stdout)
	}
}

func TestInspectRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty.pt": "", "text.pt": "Dear reader,\n", "cut.pt": "PK\x03\x04 and no more",
		"cut.onnx": "\x08\x08\x12\xff", "lying.safetensors": "\x10\x00\x00\x00\x00\x00\x00\x00{\"a\": 1, \"b\": 2",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
		for _, args := range [][]string{{"inspect", path}, {"inspect", path, "--json"}, {"diff", path, path}} {
			r := run(t, args...)
			assert.Equal(t, 1, r.code, args)
			assert.Empty(t, r.stdout, args)
			assert.Contains(t, r.stderr, name)
			assert.NotContains(t, r.stderr, "goroutine")
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		assert.Equal(t, 1, run(t, "inspect", path).code)
	}
}

func TestDiff(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	torchtest.RunPython(t, "testdata/make_files.py", dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	nothing := without(t)

	// Equal files of all formats are equal, and hashes suffice to know.
	for _, pair := range [][2]string{
		{"same.pt", "same.pt"}, {"same.pt", "same.safetensors"}, {"model.safetensors", "same.pt"},
		{"same.safetensors", "model.safetensors"}, {"checkpoint.pt", "same.pt"}, {"model.safetensors", "checkpoint.pt"}, {"zip", "legacy.onnx"},
	} {
		args := []string{"diff", in(pair[0]), in(pair[1]), "--tensors"}
		r := runWith(t, nothing, args...)
		assert.Equal(t, 0, r.code, "%v: %s%s", pair, r.stdout, r.stderr)
		assert.Contains(t, r.stdout, "no difference")
	}

	r := run(t, "diff", in("same.pt"), in("other.pt"), "--json")
	require.Equal(t, 1, r.code, r.stderr)
	d := parse(t, r.stdout)
	assert.Equal(t, false, d["same"])
	assert.Equal(t, []any{}, d["only_in_a"])
	assert.Equal(t, []any{"more"}, d["only_in_b"])
	assert.Equal(t, []any{map[string]any{"name": "lr", "only_in": "b", "a": nil, "b": 0.1}}, d["values"])
	tensors := d["tensors"].([]any)
	require.Len(t, tensors, 2)
	weight, bias := tensors[0].(map[string]any), tensors[1].(map[string]any)
	assert.Equal(t, "layer.weight", weight["name"])
	elements := weight["elements"].(map[string]any)
	assert.EqualValues(t, 12, elements["count"])
	assert.EqualValues(t, 3, elements["differ"])
	assert.EqualValues(t, 1, elements["non_finite"])
	assert.Equal(t, []any{2.0, 1.0}, elements["at"])
	// Of float32 the subtraction here is exact, in Python it is rounded once.
	assert.InDelta(t, parseFile(t, in("expected.json"))["difference"], elements["max_abs_diff"], 1e-7)
	assert.Equal(t, "layer.bias", bias["name"])
	assert.Equal(t, "float64", bias["b"].(map[string]any)["dtype"])
	assert.EqualValues(t, 0, bias["elements"].(map[string]any)["differ"], "of another type, with the same values")

	// Without libtorch it is still a difference.
	r = runWith(t, nothing, "diff", in("same.pt"), in("other.pt"), "--json")
	require.Equal(t, 1, r.code)
	weight = parse(t, r.stdout)["tensors"].([]any)[0].(map[string]any)
	assert.Nil(t, weight["elements"])
	assert.Contains(t, weight["not_compared"], "etude setup")

	r = run(t, "diff", in("other.pt"), in("another.pt"))
	assert.Equal(t, 1, r.code)
	assert.Regexp(t, `(?m)^only in .*other.pt: more$`, r.stdout)
	assert.Regexp(t, `(?m)^layer.bias +float64\[4\] +float32\[3\] +shape`, r.stdout)
	assert.Regexp(t, `(?m)^lr: 0.1 in a, 0.2 in b$`, r.stdout)
	assert.Regexp(t, `(?m)^only in .*another.pt: why = "x"$`, r.stdout)
}

// An exported network holds its checkpoint's weights, the LSTM's too.
func TestDiffOfAnExport(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	r := run(t, "train", "all", "--data", data, "--out", out, "--epochs", "1")
	require.Equal(t, 0, r.code, r.stderr)
	for _, network := range []string{"emotion", "melody"} {
		at := func(name string) string { return filepath.Join(out, network, name) }
		for _, file := range []string{"model.pt", "best.pt"} {
			r = run(t, "diff", at(file), at("model.onnx"), "--json")
			assert.Equal(t, 0, r.code, r.stdout)
			want := map[string]int{"emotion": 10, "melody": 10}[network]
			assert.EqualValues(t, want, parse(t, r.stdout)["equal_tensors"])
		}
	}
}

// A network whose weights are not numbers is neither exported nor measured.
func TestNetworkOfNaN(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	torch.Scope(func() {
		model := models.NewGroovePredictor(torch.CPU)
		torch.NoGrad(func() { model.FC2.Bias.Narrow(0, 3, 1).FillInPlace(math.NaN()) })
		require.NoError(t, pt.Save(at("nan.pt"), nn.StateDict(model)))
	})
	r := run(t, "export", at("nan.pt"))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "these weights are not finite: fc2.bias (1 of 64 elements)")
	assert.NoFileExists(t, at("nan.onnx"))
	for _, args := range [][]string{{"--json"}, nil} {
		r = run(t, append([]string{"evaluate", at("nan.pt"), "--data", corpus(t)}, args...)...)
		assert.Equal(t, 1, r.code)
		assert.Empty(t, r.stdout)
		assert.Contains(t, r.stderr, "outputs")
		assert.Contains(t, r.stderr, "are not finite, so it cannot be measured")
	}
}

// Models that differ in an attribute alone differ, and files without tensors are not
// called the same.
func TestDiffOfGraphs(t *testing.T) {
	dir := t.TempDir()
	torchtest.RunPython(t, "../internal/tensorfile/testdata/models.py", dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	r := run(t, "diff", at("base.onnx"), at("renamed.onnx"))
	assert.Equal(t, 0, r.code, r.stdout)
	r = run(t, "diff", at("base.onnx"), at("axis.onnx"))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, "node m1 (Softmax): attribute axis: 1 in a, 0 in b")
	r = run(t, "diff", at("base.onnx"), at("axis.onnx"), "--json")
	assert.Equal(t, 1, r.code)
	d := parse(t, r.stdout)
	assert.Equal(t, []any{map[string]any{"name": "node m1 (Softmax): attribute axis", "only_in": "", "a": 1.0, "b": 0.0}}, d["graph"])
	assert.Equal(t, false, d["same"])

	torchtest.RunPython(t, "../internal/tensorfile/testdata/dots.py", dir)
	r = run(t, "diff", at("plain.pt"), at("plain.pt"))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, "no tensor was compared")

	torchtest.RunPython(t, "../internal/tensorfile/testdata/external.py", dir)
	r = run(t, "inspect", at("missing.onnx"))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, "weight", "what can be told is told")
	assert.Contains(t, r.stderr, "missing.data is missing")
}
