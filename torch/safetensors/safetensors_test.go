// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

const goldenFile = "testdata/golden.safetensors"

// described holds the output of testdata/describe.py.
type described struct {
	Tensors  map[string]describedTensor `json:"tensors"`
	Metadata map[string]string          `json:"metadata"`
}

type describedTensor struct {
	DType    string `json:"dtype"`
	Shape    []int  `json:"shape"`
	Elements string `json:"elements"`
}

func golden(t *testing.T) (d described) {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &d))
	return d
}

func describe(d *torch.Dict) map[string]describedTensor {
	out := map[string]describedTensor{}
	for k, v := range d.All() {
		t := v.(*torch.Tensor)
		out[k.(string)] = describedTensor{t.DType().String(), append([]int{}, t.Shape()...), hex.EncodeToString(t.Bytes())}
	}
	return out
}

func TestReadsPython(t *testing.T) {
	torchtest.NoLeaks(t)
	d, err := Load(goldenFile, torch.CPU)
	require.NoError(t, err)
	want := golden(t)
	assert.Equal(t, want.Tensors, describe(d))
	h, err := ReadHeader(goldenFile)
	require.NoError(t, err)
	assert.Equal(t, want.Metadata, h.Metadata)
}

// What we write is save_file's file, byte for byte.
func TestWritesPythonsBytes(t *testing.T) {
	torchtest.NoLeaks(t)
	d, err := Load(goldenFile, torch.CPU)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "a.safetensors")
	require.NoError(t, Save(path, d, golden(t).Metadata))
	want, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

// Views, lazy conjugates, other devices and large tensors, as PyTorch reads them.
func TestPythonReads(t *testing.T) {
	torchtest.Python(t) // skips, if it must, before there are tensors
	torchtest.NoLeaks(t)
	device := torchtest.Accelerator(t)
	w := torch.Arange(0, 24, 1).Reshape(4, 6)
	large := torch.Arange(0, chunk/4+5, 1)
	z := torch.Call("aten::complex", w, w).Tensor()
	d := torch.NewDict("w", w, "t", w.T(), "part", w.Narrow(1, 2, 3), "same", w, "half", w.T().ToDType(torch.BFloat16),
		"conj", torch.Call("aten::_conj", z).Tensor(), "grad", torch.Ones([]int{2}).SetRequiresGrad(true),
		"device", w.To(device), "scalar", torch.Scalar(int64(5)), "none", torch.Empty([]int{3, 0}), "large", large)
	path := filepath.Join(t.TempDir(), "a.safetensors")
	require.NoError(t, Save(path, d, nil))
	var got described
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/describe.py", path), &got))
	want := describe(d)
	require.Equal(t, want["w"], want["device"])
	assert.Equal(t, want, got.Tensors)
	assert.Empty(t, got.Metadata)

	back, err := Load(path, device)
	require.NoError(t, err)
	assert.Equal(t, want, describe(back))
	for _, v := range back.All() {
		assert.Equal(t, device, v.(*torch.Tensor).Device())
	}
}

func TestInspect(t *testing.T) { // without libtorch
	info, err := Inspect(t.Context(), goldenFile)
	require.NoError(t, err)
	want := golden(t)
	assert.Equal(t, "safetensors", info.Format)
	assert.Equal(t, want.Metadata, info.Metadata)
	require.Len(t, info.Tensors, len(want.Tensors))
	for _, x := range info.Tensors {
		w := want.Tensors[x.Name]
		elements, err := hex.DecodeString(w.Elements)
		require.NoError(t, err)
		sum := sha256.Sum256(elements)
		assert.Equal(t, hex.EncodeToString(sum[:]), x.SHA256, x.Name)
		assert.Equal(t, w.DType, x.DType)
		assert.Equal(t, w.Shape, x.Shape)
		assert.EqualValues(t, len(elements), x.Bytes)
	}
}

func TestRefusedValues(t *testing.T) {
	torchtest.NoLeaks(t)
	one := torch.Ones([]int{1})
	for want, d := range map[string]*torch.Dict{
		`"a" is a int, and the format holds tensors only`:                      torch.NewDict("a", 1),
		`"a" is a *torch.Tensor, and the format holds`:                         torch.NewDict("a", (*torch.Tensor)(nil)),
		`a tensor cannot be called 7`:                                          torch.NewDict(7, one),
		`a tensor cannot be called __metadata__`:                               torch.NewDict("__metadata__", one),
		`elements of the type complex128, which the format lacks; use ToDType`: torch.NewDict("z", torch.Empty([]int{1}, torch.Options{DType: torch.Complex128})),
		"the dict is nil": nil,
	} {
		var b bytes.Buffer
		err := Write(&b, d, nil)
		if assert.Error(t, err, want) {
			assert.Contains(t, err.Error(), "safetensors: cannot write: ")
			assert.Contains(t, err.Error(), want)
		}
		assert.Zero(t, b.Len())
	}
	assert.Error(t, Write(&bytes.Buffer{}, torch.NewDict("a\xff", one), nil))
	assert.Error(t, Write(&bytes.Buffer{}, torch.NewDict("a", one), map[string]string{"k": "\xff"}))

	closed := torch.Ones([]int{1})
	closed.Close()
	assert.Error(t, Write(&bytes.Buffer{}, torch.NewDict("a", closed), nil))
	full := errors.New("full")
	assert.ErrorIs(t, Write(failing{full}, torch.NewDict("a", one), nil), full)
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }
