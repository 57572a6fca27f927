// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/torchtest"
)

// needRuntime skips the test where ONNX Runtime is absent, and returns its path.
func needRuntime(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("ETUDE_ONNXRUNTIME"); path != "" {
		return path
	}
	path, err := libtorch.LocateONNXRuntime()
	if err != nil {
		if os.Getenv("ETUDE_TEST_REQUIRE_LIBTORCH") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

func openGolden(t testing.TB, name string) *onnx.Session {
	t.Helper()
	needRuntime(t)
	s, err := onnx.Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// golden.onnx was written by Python's onnx.
func TestSessionDescribes(t *testing.T) {
	s := openGolden(t, "golden.onnx")
	require.Len(t, s.Inputs(), 1)
	assert.Equal(t, "x float32 [n 2]", s.Inputs()[0].String())
	require.Len(t, s.Outputs(), 1)
	assert.Equal(t, "y float32 [n 3]", s.Outputs()[0].String())
	assert.Equal(t, map[string]string{"author": "python"}, s.Metadata())
}

func TestRunSlices(t *testing.T) {
	s := openGolden(t, "golden.onnx")
	out, err := s.RunSlices(t.Context(), map[string][]float32{"x": {1, 0, 0, 1}})
	require.NoError(t, err)
	assert.Equal(t, map[string][]float32{"y": {1.5, 2, 2.5, 4.5, 5, 5.5}}, out)
}

// A model may keep elements in another file, beside it.
func TestRunExternal(t *testing.T) {
	s := openGolden(t, "external.onnx")
	out, err := s.RunSlices(t.Context(), map[string][]float32{"x": {1, 2, 3}})
	require.NoError(t, err)
	assert.Equal(t, []float32{1.5, 2.5, 3.5}, out["y"])
	m, err := onnx.Inspect("testdata/external.onnx")
	require.NoError(t, err)
	external := &onnx.External{Location: "external.bin", Length: 12}
	assert.Equal(t, []onnx.Tensor{{Name: "b", DType: "float32", Shape: []int{3}, External: external}}, m.Tensors)
	r, n, err := m.Elements(m.Tensors[0])
	require.NoError(t, err)
	defer r.Close()
	raw, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.EqualValues(t, 12, n)
	assert.Equal(t, "\x00\x00\x00\x3f\x00\x00\x00\x3f\x00\x00\x00\x3f", string(raw), "three times 0.5")
}

func TestRun(t *testing.T) {
	torchtest.Need(t)
	s := openGolden(t, "two.onnx")
	torch.Scope(func() {
		// A view with gaps: elements are taken in order, whatever lies between.
		x := torch.FromSlice([]float32{0, 9, 0, 9, -20, 9, 20, 9}, 2, 2, 2).Select(2, 0)
		out, err := s.Run(t.Context(), onnx.Feeds{"x": x, "i": torch.FromSlice([]int64{0, 1})})
		require.NoError(t, err)
		assert.Equal(t, []float32{1, -1, -10, 10}, out["y"].Float32s())
		assert.Equal(t, []int{2, 2}, out["y"].Shape())
		assert.Equal(t, []bool{true, false, false, true}, torch.ToSlice[bool](out["positive"]))
	})
}

func TestRunRefuses(t *testing.T) {
	torchtest.Need(t)
	s := openGolden(t, "two.onnx")
	x, i := torch.Ones([]int{3, 2}), torch.FromSlice([]int64{0, 1, 0})
	closed := torch.Ones([]int{3, 2})
	closed.Close()
	for want, feeds := range map[string]onnx.Feeds{
		`there is no input "y"; the model wants x float32 [n 2], i int64 [n]`: {"x": x, "i": i, "y": x},
		`input "i" is missing; the model wants x float32 [n 2], i int64 [n]`:  {"x": x},
		`input "x": given float32 [3 1]; the model wants x float32 [n 2]`:     {"x": torch.Ones([]int{3, 1}), "i": i},
		`input "x": given float32 [2]; the model wants`:                       {"x": torch.Ones([]int{2}), "i": i},
		`input "x": given float64 [3 2]; the model wants`:                     {"x": x.ToDType(torch.Float64), "i": i},
		`Attempting to broadcast an axis by a dimension other than 1`:         {"x": x, "i": torch.FromSlice([]int64{0, 1})},
		"used after it was closed":                                            {"x": closed, "i": i},
		"the tensor is nil":                                                   {"x": nil, "i": i},
		"indices element out of data bounds":                                  {"x": x, "i": torch.FromSlice([]int64{0, 1, 7})},
	} {
		_, err := s.Run(t.Context(), feeds)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "two.onnx")
	}
	_, err := s.RunSlices(t.Context(), map[string][]float32{"x": {1, 2}})
	assert.ErrorContains(t, err, "i int64 [n] is not of float32")

	g := openGolden(t, "golden.onnx")
	_, err = g.RunSlices(t.Context(), map[string][]float32{"x": {1, 2, 3}})
	assert.ErrorContains(t, err, "x float32 [n 2]: 3 elements do not fill the shape [-1 2]")
	out, err := g.RunSlices(t.Context(), map[string][]float32{"x": {}})
	require.NoError(t, err)
	assert.Empty(t, out["y"])
}

func TestOpenRefuses(t *testing.T) {
	needRuntime(t)
	dir := t.TempDir()
	golden, err := os.ReadFile("testdata/golden.onnx")
	require.NoError(t, err)
	external, err := os.ReadFile("testdata/external.onnx")
	require.NoError(t, err)
	for want, data := range map[string][]byte{
		"holds no graph":                            {},
		"not an ONNX file":                          []byte("RIFF\x00\x00\x00\x00WAVE"),
		"ends within a field":                       golden[:len(golden)/2],
		"ONNX Runtime refuses it":                   replaceOnce(golden, "MatMul", "MatNul"),
		"it is an HTML page, perhaps of a download": []byte("\n<!DOCTYPE html>\n<html><head><title>404</title>"),
		"it is a git-lfs pointer":                   []byte("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
		"it is a gzip file; unpack it first":        []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"),
		"external.bin is missing":                   external,
	} {
		path := filepath.Join(dir, "bad.onnx")
		require.NoError(t, os.WriteFile(path, data, 0o644))
		_, err := onnx.Open(path)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "bad.onnx")
	}
	_, err = onnx.Open(filepath.Join(dir, "absent.onnx"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = onnx.Open(dir)
	assert.ErrorContains(t, err, "it is not a regular file")
}

func replaceOnce(data []byte, old, new string) []byte {
	for i := range len(data) - len(old) {
		if string(data[i:i+len(old)]) == old {
			return append(append(append([]byte{}, data[:i]...), new...), data[i+len(old):]...)
		}
	}
	panic("not found")
}

// Many goroutines share a session, with a Binding of each and with runs that are cancelled,
// and it is closed while they run: each run is a right result, ErrClosed or the cause.
func TestSessionIsConcurrent(t *testing.T) {
	s := openGolden(t, "golden.onnx")
	var wg sync.WaitGroup
	for k := range 16 {
		wg.Go(func() {
			x, y := make([]float32, 2), make([]float32, 3)
			b, err := s.Bind(arrays{"x": onnx.ArrayOf(x)}, arrays{"y": onnx.ArrayOf(y)})
			if !assert.NoError(t, err) {
				return
			}
			defer b.Close()
			for i := range 200 {
				if k == 0 && i == 150 {
					s.Close()
				}
				ctx, cancel := context.WithCancel(t.Context())
				if i%3 == 0 {
					go cancel()
				}
				x[0] = float32(k*1000 + i)
				want := []float32{x[0] + 0.5, 2 * x[0], 3*x[0] - 0.5}
				out, err := s.RunSlices(ctx, map[string][]float32{"x": x})
				if err == nil {
					assert.Equal(t, want, out["y"])
				}
				bound := b.Run(ctx)
				if bound == nil {
					assert.Equal(t, want, y)
				}
				for _, err := range []error{err, bound} {
					if err != nil && (!errors.Is(err, context.Canceled) || i%3 != 0) {
						assert.ErrorIs(t, err, onnx.ErrClosed)
					}
				}
				cancel()
			}
		})
	}
	wg.Wait()
	s.Close() // does nothing
	_, err := s.RunSlices(t.Context(), map[string][]float32{"x": {1, 1}})
	assert.ErrorIs(t, err, onnx.ErrClosed)
}

// inProcess runs one test in a process of its own, with other variables: libtorch
// and ONNX Runtime are loaded once in a process.
func inProcess(t *testing.T, test string, env ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(append(os.Environ(), "ETUDE_TEST_CHILD=1"), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS: "+test)
}

func onlyInProcess(t *testing.T) {
	if os.Getenv("ETUDE_TEST_CHILD") == "" {
		t.Skip("is run by another test")
	}
}

func TestWithoutLibtorch(t *testing.T) {
	path := needRuntime(t)
	home := t.TempDir()
	inProcess(t, "TestChildWithoutLibtorch", "ETUDE_ONNXRUNTIME="+path, "ETUDE_LIBTORCH=/nonexistent",
		"HOME="+home, "XDG_CACHE_HOME="+home)
	left, err := os.ReadDir(home)
	require.NoError(t, err)
	assert.Empty(t, left, "ONNX Runtime's telemetry writes to the user's cache unless it is kept off")
}

func TestChildWithoutLibtorch(t *testing.T) {
	onlyInProcess(t)
	require.Error(t, torch.Init())
	TestRunSlices(t)
	_, err := onnx.Inspect("testdata/golden.onnx")
	assert.NoError(t, err)
	_, err = onnx.Export(filepath.Join(t.TempDir(), "x.onnx"), nil, onnx.Signature{})
	assert.ErrorContains(t, err, "libtorch")
}

func TestWithoutONNXRuntime(t *testing.T) {
	torchtest.Need(t)
	inProcess(t, "TestChildWithoutONNXRuntime", "ETUDE_ONNXRUNTIME=/nonexistent.so")
}

// The error for another version of ONNX Runtime, or for another library, says what to do.
func TestOtherLibraries(t *testing.T) {
	needRuntime(t)
	dir := t.TempDir()
	// An ONNX Runtime that is older than the interface that is asked for.
	old, source := filepath.Join(dir, "libonnxruntime.so.1.20.0"), filepath.Join(dir, "old.c")
	require.NoError(t, os.WriteFile(source, []byte(`
static const void *get_api(unsigned version) { return 0; }
static const char *get_version(void) { return "1.20.0"; }
static const struct { const void *(*a)(unsigned); const char *(*b)(void); } base = {get_api, get_version};
const void *OrtGetApiBase(void) { return &base; }
`), 0o666))
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", old, source).CombinedOutput(); err != nil {
		t.Skip(string(out))
	}
	text := filepath.Join(dir, "text.so")
	require.NoError(t, os.WriteFile(text, bytes.Repeat([]byte("no library"), 100), 0o666))
	for path, want := range map[string]string{
		old:  "is too old: version 1.24 or later is needed; $ETUDE_ONNXRUNTIME names it: unset it",
		text: "invalid ELF header; $ETUDE_ONNXRUNTIME names it: unset it",
	} {
		inProcess(t, "TestChildOtherLibrary", "ETUDE_ONNXRUNTIME="+path, "ETUDE_TEST_WANT="+want)
	}
}

func TestChildOtherLibrary(t *testing.T) {
	onlyInProcess(t)
	_, err := onnx.Open("testdata/golden.onnx")
	assert.ErrorContains(t, err, os.Getenv("ETUDE_ONNXRUNTIME"))
	assert.ErrorContains(t, err, os.Getenv("ETUDE_TEST_WANT"))
	_, err = onnx.Open("testdata/golden.onnx")
	assert.ErrorContains(t, err, os.Getenv("ETUDE_TEST_WANT"), "once more")
}

func TestChildWithoutONNXRuntime(t *testing.T) {
	onlyInProcess(t)
	_, err := onnx.Open("testdata/golden.onnx")
	assert.ErrorContains(t, err, "etude setup")
	n := networks[0]
	s := onnx.Signature{Input: n.input, Output: n.output, Example: torch.Randn([]int{1, n.in})}
	path := filepath.Join(t.TempDir(), "x.onnx")
	_, err = onnx.Export(path, n.model(), s)
	assert.ErrorContains(t, err, "etude setup")
	assert.NoFileExists(t, path)

	s.SkipCheck = true
	check, err := onnx.Export(path, n.model(), s)
	require.NoError(t, err)
	assert.Empty(t, check.MaxAbsDiff)
	m, err := onnx.Inspect(path)
	require.NoError(t, err)
	assert.NotContains(t, m.Metadata, "etude.check")
}
