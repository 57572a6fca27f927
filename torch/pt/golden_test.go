// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

var goldens = []string{"dtypes", "views", "lazy", "plain", "module", "checkpoint"}

func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	return string(b)
}

func loadGolden(t *testing.T, name string) any {
	t.Helper()
	v, err := Load(filepath.Join("testdata", name+".pt"))
	require.NoError(t, err)
	return v
}

func TestReadsPython(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, name := range goldens {
		t.Run(name, func(t *testing.T) {
			assert.JSONEq(t, golden(t, name), describeJSON(t, loadGolden(t, name)))
		})
	}
}

func TestReadsWithoutChecksums(t *testing.T) {
	torchtest.Need(t)
	d, err := LoadDict("testdata/nocrc.pt")
	require.NoError(t, err)
	a, err := torch.Value[*torch.Tensor](d, "a")
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 1}, torch.ToSlice[float32](a))
}

// What we write is torch.save's file byte for byte, but for the fingerprint.
func TestWritesPythonsBytes(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, name := range []string{"dtypes", "views", "checkpoint", "containers"} {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("testdata", name+".pt"))
			require.NoError(t, err)
			path := filepath.Join(t.TempDir(), name+".pt")
			require.NoError(t, Save(path, loadGolden(t, name)))
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, len(want), len(got))
			mask := func(b []byte) []byte {
				id := name + "/.data/serialization_id"
				header := bytes.Index(b, []byte(id))
				end := bytes.Index(b[header:], []byte("PK\x07\x08")) + header
				clear(b[end-40 : end+8]) // the 40 digits, and their checksum after the signature
				entry := bytes.LastIndex(b, []byte(id)) - 46
				clear(b[entry+16 : entry+20])
				return b
			}
			assert.True(t, bytes.Equal(mask(want), mask(got)))
		})
	}
}

func TestPythonReads(t *testing.T) {
	torchtest.NoLeaks(t)
	torchtest.Python(t)
	dir := t.TempDir()
	var names, paths []string
	for _, name := range goldens {
		if name == "lazy" {
			continue // its tensors are written resolved, each on its own
		}
		path := filepath.Join(dir, name+".pt")
		require.NoError(t, Save(path, loadGolden(t, name)))
		names, paths = append(names, name), append(paths, path)
	}
	out := strings.Split(strings.TrimSpace(string(torchtest.RunPython(t, "testdata/describe.py", paths...))), "\n")
	require.Len(t, out, len(names))
	for i, name := range names {
		assert.JSONEq(t, golden(t, name), out[i], name)
	}
}

func TestPythonReadsNonASCIINames(t *testing.T) {
	torchtest.Python(t)
	path := filepath.Join(t.TempDir(), "été.pt")
	require.NoError(t, Save(path, []any{1}))
	assert.JSONEq(t, `{"list": [{"int": "1"}]}`, string(torchtest.RunPython(t, "testdata/describe.py", path)))
}

// PyTorch's Adam takes our file's state and makes the same steps as from its own.
func TestPythonsAdamContinues(t *testing.T) {
	torchtest.NoLeaks(t)
	torchtest.Python(t)
	path := filepath.Join(t.TempDir(), "ours.pt")
	require.NoError(t, Save(path, loadGolden(t, "checkpoint")))
	out := torchtest.RunPython(t, "testdata/continue_adam.py", "testdata/checkpoint.pt", path)
	assert.Equal(t, "same\n", string(out))
}

// Lazy conjugates are written as what they mean.
func TestWritesLazyResolved(t *testing.T) {
	torchtest.NoLeaks(t)
	var b bytes.Buffer
	require.NoError(t, Write(&b, loadGolden(t, "lazy")))
	v, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	for k, x := range v.(*torch.Dict).All() {
		was, _ := loadGolden(t, "lazy").(*torch.Dict).Get(k)
		assert.Equal(t, elements(was.(*torch.Tensor)), elements(x.(*torch.Tensor)), k)
	}
}

func TestLayout(t *testing.T) {
	torchtest.Need(t)
	path := filepath.Join(t.TempDir(), "some.model.pt")
	require.NoError(t, Save(path, torch.NewDict("a", torch.Ones([]int{3}), "b", torch.Ones([]int{0}), "c", torch.Ones([]int{1000, 3}))))
	z, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		offset, err := f.DataOffset()
		require.NoError(t, err)
		assert.Zero(t, offset%64, f.Name)
		assert.Equal(t, zip.Store, f.Method)
		r, err := f.Open()
		require.NoError(t, err)
		n, err := new(bytes.Buffer).ReadFrom(r) // checks the checksum at the end
		require.NoError(t, err, f.Name)
		assert.EqualValues(t, f.UncompressedSize64, n)
	}
	assert.Equal(t, []string{
		"some.model/data.pkl", "some.model/.format_version", "some.model/.storage_alignment", "some.model/byteorder",
		"some.model/data/0", "some.model/data/1", "some.model/data/2", "some.model/version", "some.model/.data/serialization_id",
	}, names)
}
