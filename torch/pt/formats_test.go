// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Every protocol, in both formats, holds the same.
func TestProtocols(t *testing.T) {
	torchtest.NoLeaks(t)
	want := golden(t, "everything")
	for _, format := range []string{"everything", "legacy"} {
		for protocol := 2; protocol <= 5; protocol++ {
			name := fmt.Sprint(format, protocol)
			t.Run(name, func(t *testing.T) {
				assert.JSONEq(t, want, describeJSON(t, loadGolden(t, name)))
			})
		}
	}
}

// What was read of all that is written and read again the same, here and by PyTorch.
func TestEverythingBack(t *testing.T) {
	torchtest.NoLeaks(t)
	torchtest.Python(t)
	v := loadGolden(t, "everything5")
	path := filepath.Join(t.TempDir(), "back.pt")
	require.NoError(t, Save(path, v))
	got, err := Load(path)
	require.NoError(t, err)
	assert.JSONEq(t, describeJSON(t, v), describeJSON(t, got))
	// Arrays are tensors now, so their JSON is the one we wrote, not everything.json.
	assert.JSONEq(t, describeJSON(t, v), string(torchtest.RunPython(t, "testdata/describe.py", "--any", path)))
}

func TestLegacy(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, name := range []string{"dtypes", "views"} {
		assert.JSONEq(t, golden(t, name), describeJSON(t, loadGolden(t, "legacy_"+name)), name)
	}
	parts := loadGolden(t, "legacy_parts").([]any)
	whole, part := parts[0].(*torch.Tensor), parts[1].(*torch.Tensor)
	assert.Equal(t, []float32{0, 1, 2, 3, 4, 5}, torch.ToSlice[float32](whole))
	assert.Equal(t, []float32{3, 4}, torch.ToSlice[float32](part))
	part.FillInPlace(-1)
	assert.Equal(t, []float32{0, 1, 2, -1, -1, 5}, torch.ToSlice[float32](whole), "still shared")
}

func TestBigEndian(t *testing.T) {
	torchtest.NoLeaks(t)
	assert.JSONEq(t, golden(t, "big"), describeJSON(t, loadGolden(t, "big")))
}

// PyTorch turns typed storages round only; of an untyped one the tensors tell the
// type, and have to agree about it.
func TestBigEndianUntyped(t *testing.T) {
	torchtest.NoLeaks(t)
	storage := tuple(text("storage"), global("torch.storage", "UntypedStorage"), text("0"), text("cpu"), integer(16)) + "Q"
	tensor := func(dtype string, n int64) string {
		return global("torch._utils", "_rebuild_tensor_v3") +
			tuple(storage, "K\x00", tuple(integer(n)), tuple("K\x01"), "\x89", "N", global("torch", dtype)) + "R"
	}
	read := func(opcodes string) (any, error) {
		var b bytes.Buffer
		a := newArchiveWriter(&b, "archive")
		require.NoError(t, a.text("data.pkl", "\x80\x02"+opcodes+"."))
		require.NoError(t, a.text("byteorder", "big"))
		require.NoError(t, a.text("data/0", "\x00\x01\x00\x02\xff\xfe         a"))
		require.NoError(t, a.close())
		return readBytes(b.Bytes())
	}
	v, err := read(tensor("uint16", 3))
	require.NoError(t, err)
	assert.Equal(t, []uint16{1, 2, 0xfffe}, torch.ToSlice[uint16](v.(*torch.Tensor)))
	_, err = read(tuple(tensor("uint16", 3), tensor("uint32", 1)))
	require.Error(t, err)
	assert.Contains(t, err.Error(), `storage "0" is big-endian and used with numbers of 2 and of 4 bytes`)
}

// The attributes of a state_dict, the versions of its layers, survive.
func TestAttributes(t *testing.T) {
	torchtest.NoLeaks(t)
	module := loadGolden(t, "module").(*torch.Dict)
	state, err := torch.Value[*torch.Dict](module, "state")
	require.NoError(t, err)
	versions, err := torch.Value[*torch.Dict](state.Attributes, "_metadata")
	require.NoError(t, err)
	norm, err := torch.Value[*torch.Dict](versions, "1")
	require.NoError(t, err)
	version, err := torch.Value[int](norm, "version")
	require.NoError(t, err)
	assert.Equal(t, 2, version, "BatchNorm's")

	var b bytes.Buffer
	err = Write(&b, []any{&torch.Dict{Attributes: torch.NewDict()}})
	assert.EqualError(t, err, "pt: cannot write: [0]: the dict has Attributes, which only an OrderedDict can have")
}

func TestRefusedByName(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, want := range map[string]string{
		"sparse":     `the file asks for "torch._utils._rebuild_sparse_tensor", a sparse tensor; save tensor.to_dense() in Python instead; nothing of it was run`,
		"sparse_csr": "a sparse tensor; save tensor.to_dense()",
		"quantised":  "a quantised tensor; save tensor.dequantize()",
		"nested":     "a nested tensor; save tensor.unbind()",
		"meta":       "which has no elements",
		"objects":    "a numpy array of the type O8 is not read; save array.tolist()",
		"structured": "a structured numpy.dtype is not read",
		"dates":      "a numpy array of the type M8 is not read",
		"namespace":  `"argparse.Namespace", a script's arguments; save vars(args)`,
		"path":       `"pathlib.PurePosixPath"`,
		"storage":    "a storage stands where a value should",
		"qint8":      `"torch.qint8", a quantised element type; save tensor.dequantize()`,
		"range":      `the Python class or function "__builtin__.xrange", which is not read`,
		"function":   `"torch.nn.functional.relu"`,
	} {
		path := filepath.Join("testdata", "refused_"+name+".pt")
		_, err := Load(path)
		if assert.Error(t, err, name) {
			assert.True(t, strings.HasPrefix(err.Error(), "pt: cannot load "+path+": "), err)
			assert.Contains(t, err.Error(), want)
		}
	}
}

func TestDevices(t *testing.T) {
	device := torchtest.Accelerator(t)
	v, err := LoadWith("testdata/views.pt", LoadOptions{Device: device})
	require.NoError(t, err)
	d := v.(*torch.Dict)
	base, err := torch.Value[*torch.Tensor](d, "base")
	require.NoError(t, err)
	turned, err := torch.Value[*torch.Tensor](d, "t")
	require.NoError(t, err)
	assert.Equal(t, device, base.Device())
	assert.Equal(t, base.Storage().ID, turned.Storage().ID, "shared on the device too")
	assert.Equal(t, float32(23), torch.ToSlice[float32](base)[23])

	var saved []string
	v, err = LoadWith("testdata/views.pt", LoadOptions{Place: func(s string) torch.Device {
		saved = append(saved, s)
		return torch.CPU
	}})
	require.NoError(t, err)
	closeAll(v)
	assert.Contains(t, saved, "cpu")

	_, err = LoadWith("testdata/views.pt", LoadOptions{Device: torch.CUDA(77)})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "cuda:77")
}

func TestMmap(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, name := range []string{"dtypes", "module", "checkpoint", "everything4"} {
		path := filepath.Join("testdata", name+".pt")
		read, err := Load(path)
		require.NoError(t, err)
		mapped, err := LoadWith(path, LoadOptions{Mmap: true})
		require.NoError(t, err)
		assert.JSONEq(t, withoutStorages(t, read), withoutStorages(t, mapped), name)
	}

	path := filepath.Join(t.TempDir(), "a.pt")
	require.NoError(t, Save(path, torch.NewDict("w", torch.Ones([]int{1 << 20}))))
	before := torch.Live().Bytes
	v, err := LoadWith(path, LoadOptions{Mmap: true})
	require.NoError(t, err)
	w, err := torch.Value[*torch.Tensor](v.(*torch.Dict), "w")
	require.NoError(t, err)
	assert.Less(t, torch.Live().Bytes-before, int64(1<<20), "of 4 MiB of elements")
	w.FillInPlace(2)
	again, err := LoadDict(path)
	require.NoError(t, err)
	x, err := torch.Value[*torch.Tensor](again, "w")
	require.NoError(t, err)
	assert.True(t, x.Equal(torch.Ones([]int{1 << 20})), "the file is as it was")
	assert.True(t, w.Equal(torch.Full([]int{1 << 20}, 2)))

	for name, want := range map[string]string{
		"legacy2": "whose elements are not aligned for Mmap; load it without",
		"big":     "big-endian, which Mmap cannot turn round",
	} {
		_, err := LoadWith(filepath.Join("testdata", name+".pt"), LoadOptions{Mmap: true})
		if assert.Error(t, err) {
			assert.Contains(t, err.Error(), want)
		}
	}
}

// withoutStorages describes a value but for how its tensors lie in storages.
func withoutStorages(t *testing.T, v any) string {
	t.Helper()
	var strip func(v any) any
	strip = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range []string{"storage", "bytes", "offset"} {
				if _, ok := v["tensor"]; ok {
					delete(v, k)
				}
			}
			for k, x := range v {
				v[k] = strip(x)
			}
		case []any:
			for i, x := range v {
				v[i] = strip(x)
			}
		}
		return v
	}
	var tree any
	require.NoError(t, json.Unmarshal([]byte(describeJSON(t, v)), &tree))
	b, err := json.Marshal(strip(tree))
	require.NoError(t, err)
	return string(b)
}

// Files of other versions of PyTorch, in both formats.
func TestVersions(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, version := range []string{"1.13.1", "2.1.2", "2.11.0", "2.15.0"} {
		name := "version_" + version
		assert.JSONEq(t, golden(t, name), describeJSON(t, loadGolden(t, name)), version)
		assert.JSONEq(t, golden(t, name), describeJSON(t, loadGolden(t, name+"_legacy")), version)
	}
}
