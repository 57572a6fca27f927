// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(f.Close)
	return f
}

// found lists what a difference says, one line each.
func found(d *Diff) string {
	var lines []string
	for _, x := range d.Tensors {
		lines = append(lines, x.Name)
	}
	lines = append(append(lines, d.OnlyA...), d.OnlyB...)
	for _, x := range append(append(d.Graph, d.Values...), d.Metadata...) {
		lines = append(lines, fmt.Sprint(x.Name, ": ", x.A, " ", x.B))
	}
	return strings.Join(lines, "\n")
}

// Each model differs from the base in one thing, which the comparison must name,
// in both directions; and where only names or the order of attributes differ, the
// models are the same.
func TestModels(t *testing.T) {
	dir := t.TempDir()
	var expected map[string]string
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/models.py", dir), &expected))
	require.Greater(t, len(expected), 30)
	for name, want := range expected {
		for _, back := range []bool{false, true} {
			a, b := open(t, filepath.Join(dir, "base.onnx")), open(t, filepath.Join(dir, name))
			if back {
				a, b = b, a
			}
			d := Compare(a, b, DiffOptions{})
			if want == "" {
				assert.True(t, d.Same, "%s: %s", name, found(d))
				assert.Equal(t, len(a.Tensors), d.Equal, name)
				continue
			}
			assert.False(t, d.Same, name)
			if !back || !strings.Contains(name, "renamed") {
				assert.Contains(t, found(d), want, name)
			}
			assert.Less(t, strings.Count(found(d), "\n"), 8, "%s: few differences follow from one: %s", name, found(d))
			_, err := json.Marshal(d)
			assert.NoError(t, err)
		}
	}
	var names []string
	for _, x := range open(t, filepath.Join(dir, "base.onnx")).Tensors {
		assert.NotEmpty(t, x.SHA256, x.Name)
		names = append(names, x.Name)
	}
	assert.Equal(t, []string{
		"weight", "m0", "scale", "m4.then_branch.w", "m4.then_branch.t_c", "m4.else_branch.w", "m4.else_branch.e_c", "m7.body.step",
	}, sorted(names))
}

// sorted moves the branches of an If into the order of the operator's schema.
func sorted(names []string) []string {
	var first, then, other, rest []string
	for _, n := range names {
		switch {
		case strings.Contains(n, "then_branch"):
			then = append(then, n)
		case strings.Contains(n, "else_branch"):
			other = append(other, n)
		case len(then)+len(other) == 0:
			first = append(first, n)
		default:
			rest = append(rest, n)
		}
	}
	return append(append(append(first, then...), other...), rest...)
}

// The weights that PyTorch's own exporters change are recognised, with several
// layers, both directions and without biases.
func TestExportedByPyTorch(t *testing.T) {
	for _, name := range []string{"lstm_torchscript.onnx", "lstm_dynamo.onnx"} {
		state := open(t, "testdata/lstm.pt")
		path := filepath.Join("testdata", name)
		for _, back := range []bool{false, true} {
			a, b := state, open(t, path)
			if back {
				a, b = b, a
			}
			d := Compare(a, b, DiffOptions{})
			assert.True(t, d.Same, "%s: %s", name, found(d))
			assert.Equal(t, len(state.Tensors), d.Equal, name)
		}

		// One bit of one weight of the second layer.
		model, err := os.ReadFile(path)
		require.NoError(t, err)
		w := open(t, path).asPyTorch()
		raw, err := w.elements("inner.cells.0.weight_ih_l1_reverse")
		require.NoError(t, err)
		// The gate i comes first in both orders.
		at := strings.Index(string(model), string(raw[:16]))
		require.Positive(t, at)
		model[at] ^= 1
		changed := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(changed, model, 0o666))
		d := Compare(state, open(t, changed), DiffOptions{})
		assert.False(t, d.Same)
		assert.Equal(t, "inner.cells.0.weight_ih_l1_reverse", found(d), name)
	}
}

// Elements in another file are read; it is named when it is missing, too short or
// elsewhere.
func TestExternalElements(t *testing.T) {
	dir := t.TempDir()
	torchtest.RunPython(t, "testdata/external.py", dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	assert.True(t, Compare(open(t, in("a.onnx")), open(t, in("a.onnx")), DiffOptions{}).Same)
	assert.True(t, Compare(open(t, in("a.onnx")), open(t, in("inside.onnx")), DiffOptions{}).Same, "wherever the elements are")
	d := Compare(open(t, in("a.onnx")), open(t, in("b.onnx")), DiffOptions{})
	assert.Equal(t, "weight", found(d))
	assert.EqualValues(t, 1, d.Tensors[0].Elements.Differ)
	assert.Equal(t, []int{2, 1}, d.Tensors[0].Elements.At)

	require.NoError(t, os.Symlink(in("b.data"), in("sub/linked.data")))
	for name, want := range map[string]string{
		"missing.onnx": "missing.data is missing", "short.onnx": "bytes 0 to 24 are wanted of it, and it has 20",
		"outside.onnx": "leads out of the model's folder", "absolute.onnx": "leads out of the model's folder",
		"offset.onnx": "its offset or length is not a number", "length.onnx": "8 bytes of it are for float32 [3 2], which takes 24",
		"folder.onnx": "it is not a regular file", "sub/linked.onnx": "path escapes from parent", "none.onnx": "leads out",
	} {
		f := open(t, in(name))
		require.Len(t, f.Problems, 1, name)
		assert.Contains(t, f.Problems[0], want)
		assert.Contains(t, f.Problems[0], `tensor "weight"`)
		assert.Empty(t, f.Tensors[0].SHA256)
		d := Compare(f, open(t, in(name)), DiffOptions{})
		assert.False(t, d.Same, name)
		assert.Contains(t, d.Tensors[0].NotCompared, want)
		assert.Contains(t, strings.Join(d.Notes, "\n"), "no tensor was compared")
	}
}

// Keys with dots are told apart from keys of keys, in whatever order they come.
func TestNamesWithDots(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	torchtest.RunPython(t, "testdata/dots.py", dir)
	at := func(name string) *File { return open(t, filepath.Join(dir, name)) }
	var names []string
	for _, x := range at("one.pt").Tensors {
		names = append(names, x.Name)
	}
	assert.Equal(t, []string{"['a.b']", "['a']['b']", "c.d", "[0]", "['0']"}, names)
	assert.True(t, Compare(at("one.pt"), at("one.pt"), DiffOptions{}).Same)
	assert.True(t, Compare(at("one.pt"), at("reordered.pt"), DiffOptions{}).Same)
	d := Compare(at("one.pt"), at("swapped.pt"), DiffOptions{})
	require.Equal(t, "['a.b']\n['a']['b']", found(d))
	assert.EqualValues(t, 2, d.Tensors[0].Elements.MaxAbsDiff, "1 and 3")
	assert.EqualValues(t, 2, d.Tensors[1].Elements.MaxAbsDiff)
}

// Files without a tensor in common are not the same.
func TestNothingCompared(t *testing.T) {
	dir := t.TempDir()
	torchtest.RunPython(t, "testdata/dots.py", dir)
	d := Compare(open(t, filepath.Join(dir, "plain.pt")), open(t, filepath.Join(dir, "plain.pt")), DiffOptions{})
	assert.Empty(t, found(d))
	assert.False(t, d.Same)
	assert.Contains(t, strings.Join(d.Notes, "\n"), "no tensor was compared")
}

// Large files with next to nothing in them, and what often stands where a file of
// tensors should, are refused at once.
func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	sparse := func(name, head string, size int64) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(head), 0o666))
		require.NoError(t, os.Truncate(path, size))
	}
	const start = "\x08\x08\x12\x01p"
	sparse("200gb.onnx", start, 200<<30)
	sparse("under2gb.onnx", start+"\x3a\xf0\xff\xff\xff\x07", 1<<31-1)
	sparse("zeros.onnx", "", 200<<30)
	sparse("lfs.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", 130)
	sparse("page.onnx", "<!DOCTYPE html><html>", 100)
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.onnx"), 0o666))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, want := range map[string]string{
		"200gb.onnx": "were ever written", "under2gb.onnx": "were ever written",
		"zeros.onnx": "were ever written", "pipe.onnx": "it is not a regular file", "lfs.onnx": "it is a git-lfs pointer", "page.onnx": "an HTML page",
	} {
		_, err := Open(t.Context(), filepath.Join(dir, name))
		assert.ErrorContains(t, err, want, name)
		assert.ErrorContains(t, err, name)
	}
	// Elements in a file that is as large as it says, and empty.
	torchtest.RunPython(t, "testdata/external.py", dir)
	model, err := os.ReadFile(filepath.Join(dir, "large.onnx"))
	require.NoError(t, err)
	require.NotEmpty(t, model)
	sparse("large.data", "", 200<<30)
	f := open(t, filepath.Join(dir, "large.onnx"))
	require.Len(t, f.Problems, 1)
	assert.Contains(t, f.Problems[0], "were ever written")
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100<<20), "bytes were read into memory")
}

// The models that users found to be called the same differ, each in what it differs
// in; and each is the same as itself where it holds a tensor.
func TestRegressions(t *testing.T) {
	folder := filepath.Join(torchtest.SharedData(t), "regressions", "onnx")
	if _, err := os.Stat(folder); err != nil {
		t.Skip(err)
	}
	for name, want := range map[string]string{
		"ax": "node y (Softmax): attribute axis: 0 1", "const": "w", "e": "fc.weight", "if": "y.else_branch.v\ny.then_branch.w",
		"ord": "node h: Exp(x) <nil>", "tb": "node y (Gemm): attribute transB: 0 1",
	} {
		first := map[string]int{"ax": 0, "tb": 0}
		k, ok := first[name]
		if !ok {
			k = 1
		}
		a, b := filepath.Join(folder, fmt.Sprint(name, k, ".onnx")), filepath.Join(folder, fmt.Sprint(name, k+1, ".onnx"))
		d := Compare(open(t, a), open(t, b), DiffOptions{})
		assert.False(t, d.Same, name)
		assert.Contains(t, found(d), want, name)
		for _, x := range d.Tensors {
			assert.Positive(t, x.Elements.Differ, x.Name)
		}
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*.onnx"))
	require.NoError(t, err)
	require.Len(t, paths, 18)
	for _, path := range paths {
		d := Compare(open(t, path), open(t, path), DiffOptions{})
		assert.Empty(t, found(d), path)
		assert.Equal(t, len(open(t, path).Tensors) > 0, d.Same, path)
	}
}
