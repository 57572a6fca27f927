// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/torchtest"
)

func roundTrip(t *testing.T, v any) any {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, v))
	out, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	return out
}

// Without tensors neither direction needs libtorch.
func TestPlainRoundTrip(t *testing.T) {
	v := torch.NewDict(
		"epoch", 3, "big", math.MinInt64, "loss", math.Inf(1), "ok", true, "none", nil,
		"list", []any{1, "x", []any{}}, "tuple", torch.Tuple{0.9, 0.999}, "bytes", []byte{0, 200},
		"nested", torch.NewDict(0, torch.NewDict(), 1.5, "half", true, nil),
		"dtype", torch.BFloat16, "device", torch.CUDA(1), "layout", torch.Strided,
	)
	assert.JSONEq(t, describeJSON(t, v), describeJSON(t, roundTrip(t, v)))
	assert.Nil(t, roundTrip(t, nil))
	assert.Equal(t, 7, roundTrip(t, int64(7)))
}

func TestTensorsRoundTrip(t *testing.T) {
	torchtest.NoLeaks(t)
	w := torch.Arange(0, 24, 1).Reshape(4, 6)
	inner := torch.NewDict("w", w)
	v := torch.NewDict("w", w, "again", w, "t", w.T(), "part", w.Narrow(1, 2, 3), "one", torch.Scalar(int64(5)),
		"empty", torch.Empty([]int{0, 3}), "grad", torch.Ones([]int{2}).SetRequiresGrad(true),
		"inner", inner, "same", inner)
	v.OrderedDict = true
	got := roundTrip(t, v)
	assert.JSONEq(t, describeJSON(t, v), describeJSON(t, got))

	// Views read back share elements as before, and outlive the scope they are read in.
	var d *torch.Dict
	torch.Scope(func() { d = roundTrip(t, v).(*torch.Dict) })
	tensor := func(key string) *torch.Tensor {
		x, err := torch.Value[*torch.Tensor](d, key)
		require.NoError(t, err)
		return x
	}
	tensor("part").FillInPlace(-1)
	assert.Equal(t, float32(-1), torch.ToSlice[float32](tensor("t").Contiguous())[2*4])
}

// More elements than are streamed at once, of a storage that is cut in parts.
func TestLargeStorage(t *testing.T) {
	torchtest.NoLeaks(t)
	n := chunk/8*2 + 3
	x := torch.Arange(0, float64(n), 1, torch.Options{DType: torch.Int64})
	view := x.Narrow(0, n-2, 2) // the whole storage is written all the same
	got := roundTrip(t, []any{view, x}).([]any)
	assert.True(t, got[1].(*torch.Tensor).Equal(x))
	assert.Equal(t, []int64{int64(n) - 2, int64(n) - 1}, torch.ToSlice[int64](got[0].(*torch.Tensor)))
	assert.Equal(t, view.Storage().Bytes, got[0].(*torch.Tensor).Storage().Bytes)
}

func TestOtherDevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	w := torch.Arange(0, 6, 1).Reshape(2, 3).To(device)
	got := roundTrip(t, []any{w, w.T()}).([]any)
	a, b := got[0].(*torch.Tensor), got[1].(*torch.Tensor)
	assert.Equal(t, torch.CPU, a.Device())
	assert.Equal(t, []float32{0, 1, 2, 3, 4, 5}, torch.ToSlice[float32](a))
	assert.Equal(t, a.Storage().ID, b.Storage().ID)
	assert.Equal(t, []int{1, 3}, b.Strides())
}

func TestRefusedValues(t *testing.T) {
	torchtest.NoLeaks(t)
	closed := torch.Ones([]int{1})
	closed.Close()
	loop := torch.NewDict()
	loop.Set("a", []any{loop})
	deep := any(nil)
	for range maxDepth + 1 {
		deep = []any{deep}
	}
	x := torch.Ones([]int{4})
	asInt := torch.Call("aten::view.dtype", x, torch.Int32).Tensor()
	for _, c := range []struct {
		value any
		want  string
	}{
		{torch.NewDict("optimizer_state_dict", torch.NewDict("state", torch.NewDict(0, torch.NewDict("step", float32(1))))),
			"pt: cannot write: optimizer_state_dict.state[0].step: a Go float32 cannot be stored; use *torch.Dict, []any, torch.Tuple, *torch.Tensor, int, int64, float64, bool, string, []byte or nil"},
		{[]any{1, map[string]any{}}, "[1]: a Go map[string]interface {} cannot be stored"},
		{torch.Tuple{(*torch.Tensor)(nil)}, "[0]: a nil *torch.Tensor; use nil for None"},
		{torch.NewDict("d", (*torch.Dict)(nil)), "d: a nil *torch.Dict"},
		{torch.NewDict("w", closed), "w: torch: requires_grad: a tensor is used after it was closed"},
		{loop, "a[0]: the dict contains itself"},
		{deep, "…: nested deeper than 500 levels"},
		{[]any{"\xff"}, `[0]: the string "\xff" is not valid UTF-8; use []byte`},
		{torch.NewDict("\xff", 1), `is not valid UTF-8`},
		{torch.NewDict("d", torch.NewDict(1, 0, true, 0)), "d: the keys int 1 and bool true are the same in Python"},
		{torch.NewDict(2.0, 0, int64(2), 0), "the keys float64 2 and int64 2 are the same"},
		{torch.NewDict(math.NaN(), 0), "a dict key is NaN"},
		{torch.NewDict("f", x, "i", asInt), "i: the tensor shares its elements with another one as float32 and as int32"},
	} {
		err := Write(io.Discard, c.value)
		if assert.Error(t, err) {
			assert.Contains(t, err.Error(), c.want)
		}
	}
	path := filepath.Join(t.TempDir(), "x.pt")
	assert.EqualError(t, Save(path, []any{closed.Closed, 1}),
		"pt: cannot save "+path+": [0]: a Go func() bool cannot be stored; "+storable)
	assert.NoFileExists(t, path)
}

// failingWriter takes n bytes.
type failingWriter int

var errFull = errors.New("no space left")

func (w *failingWriter) Write(b []byte) (int, error) {
	n := min(len(b), int(*w))
	*w -= failingWriter(n)
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func TestWriterFails(t *testing.T) {
	torchtest.NoLeaks(t)
	v := []any{torch.Ones([]int{100_000}), torch.Ones([]int{10})}
	var whole bytes.Buffer
	require.NoError(t, Write(&whole, v))
	for n := 0; n < whole.Len(); n += whole.Len() / 7 {
		w := failingWriter(n)
		require.ErrorIs(t, Write(&w, v), errFull, n)
	}
	w := failingWriter(whole.Len() - 1)
	require.ErrorIs(t, Write(&w, v), errFull)
}

// Offsets beyond 32 bits: the file is sparse, its first 5 GB are a hole.
func TestZip64Offsets(t *testing.T) {
	torchtest.NoLeaks(t)
	path := filepath.Join(t.TempDir(), "far.pt")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("PK\x03\x04")
	require.NoError(t, err)
	const far = 5<<30 + 11
	_, err = f.Seek(far, io.SeekStart)
	require.NoError(t, err)

	v := torch.NewDict("w", torch.Arange(0, 6, 1))
	e := newEncoder()
	require.NoError(t, fail.Catch(func() { e.value(v) }))
	a := newArchiveWriter(f, "far")
	a.offset = far
	require.NoError(t, e.archive(a))
	require.NoError(t, f.Close())

	got, err := Load(path)
	require.NoError(t, err)
	assert.JSONEq(t, describeJSON(t, v), describeJSON(t, got))
	if os.Getenv("ETUDE_TEST_PYTHON") != "" {
		assert.JSONEq(t, describeJSON(t, v), string(torchtest.RunPython(t, "testdata/describe.py", path)))
	}
}

func TestArchiveName(t *testing.T) {
	for path, want := range map[string]string{
		"model.pt": "model", "a/b.c/x.y.pt": "x.y", "/m": "m", ".pt": "archive", "…pt": "archive",
		"...pt": "archive", "a\\b.pt": "b", "été.pt": "archive", "a\nb.pt": "archive", "my file.pt": "my file",
	} {
		assert.Equal(t, want, archiveName(path), path)
	}
}
