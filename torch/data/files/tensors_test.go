// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files_test

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data/files"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// same checks types, shapes and elements.
func same(t *testing.T, want, got *torch.Tensor, name string) {
	t.Helper()
	assert.Equal(t, want.DType(), got.DType(), name)
	assert.Equal(t, want.Shape(), got.Shape(), name)
	assert.Equal(t, want.Bytes(), got.Bytes(), name)
}

// Every type of NumPy that PyTorch has is read as PyTorch takes it from NumPy, in both
// orders of bytes and of dimensions.
func TestArrays(t *testing.T) {
	torchtest.NoLeaks(t)
	want, err := pt.LoadDict("testdata/arrays.pt")
	require.NoError(t, err)
	require.Equal(t, 14*4+4, want.Len())
	for name, tensor := range want.All() {
		tensor := tensor.(*torch.Tensor)
		got, err := files.ReadTensors("testdata/arrays.npz", files.Columns{Inputs: []string{name.(string)}})
		switch name {
		case "no_dimensions":
			require.ErrorContains(t, err, `tensor "no_dimensions" is []; its first size must count the samples`)
		case "empty":
			require.ErrorContains(t, err, "it holds no samples")
		default:
			require.NoError(t, err)
			same(t, tensor, got.X, name.(string))
			require.Len(t, got.Skipped, 4)
			assert.Len(t, got.Unused, want.Len()-1)
			got.Close()
		}
		tensor.Close()
	}
}

func TestNpyVersions(t *testing.T) {
	torchtest.NoLeaks(t)
	want, err := pt.LoadDict("testdata/arrays.pt")
	require.NoError(t, err)
	int16, err := torch.Value[*torch.Tensor](want, "int16")
	require.NoError(t, err)
	for version := range 3 {
		got, err := files.ReadNpy(fmt.Sprintf("testdata/version%d.npy", version+1))
		require.NoError(t, err)
		torch.Scope(func() { same(t, int16.Select(0, 0), got, "int16") })
		got.Close()
	}
	for _, tensor := range want.All() {
		tensor.(*torch.Tensor).Close()
	}
}

// Files of three formats hold the same tensors.
func TestTensors(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, c := range []struct{ path, prefix string }{{"testdata/samples.npz", ""}, {"testdata/samples.safetensors", ""}, {"testdata/samples.pt", "data."}} {
		columns := files.Columns{
			Inputs: []string{c.prefix + "images"}, Targets: []string{c.prefix + "labels"},
			More: map[string][]string{"joined": {c.prefix + "a", c.prefix + "b"}},
		}
		got, err := files.ReadTensors(c.path, columns)
		require.NoError(t, err)
		assert.Equal(t, torch.UInt8, got.X.DType())
		assert.Equal(t, []int{6, 1, 2, 2}, got.X.Shape())
		assert.Equal(t, []int64{0, 1, 2, 0, 1, 2}, torch.ToSlice[int64](got.Y))
		assert.Equal(t, torch.Float64, got.More["joined"].DType())
		assert.Equal(t, []int{6, 3}, got.More["joined"].Shape())
		again, err := files.ReadTensors(c.path, files.Columns{
			Targets: []string{c.prefix + "labels", c.prefix + "images"}[:1],
			Inputs:  []string{c.prefix + "a"},
		})
		require.NoError(t, err)
		assert.Equal(t, got.More["joined"].Select(1, 0).Bytes(), again.X.Bytes())
		again.Close()
		got.Close()
	}
	// Parameters become tensors without gradients.
	got, err := files.ReadTensors("testdata/samples.pt", files.Columns{Inputs: []string{"bias"}})
	require.NoError(t, err)
	assert.False(t, got.X.RequiresGrad())
	got.Close()
}

func TestTensorsRefuse(t *testing.T) {
	torchtest.NoLeaks(t)
	broken := filepath.Join(t.TempDir(), "a.npz")
	f, err := os.Create(broken)
	require.NoError(t, err)
	w := zip.NewWriter(f)
	entry, err := w.Create("x.npy")
	require.NoError(t, err)
	fmt.Fprintf(entry, "\x93NUMPY\x01\x00\x46\x00%-70s", "{'descr': '<f8', 'fortran_order': False, 'shape': (900000000000,), }")
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	for _, c := range []struct {
		path    string
		columns files.Columns
		want    string
	}{
		{"testdata/samples.npz", files.Columns{}, `the tensors ["images" "labels" "a" "b"] could all be inputs; name some in Inputs`},
		{"testdata/samples.npz", files.Columns{Inputs: []string{"c"}}, `no tensor is called "c"; there are ["images" "labels" "a" "b"]`},
		{"testdata/samples.npz", files.Columns{Inputs: []string{"a"}, SkipBad: true}, "only Inputs, Targets, More and Device can be set"},
		{"testdata/samples.npz", files.Columns{Inputs: []string{"images", "a"}}, `Inputs cannot join "images", uint8 [6 1 2 2], and "a", float64 [6]`},
		{"testdata/arrays.npz", files.Columns{Inputs: []string{"one"}, Targets: []string{"int8"}}, "its first size must count the samples, as in all others"},
		{"testdata/arrays.npz", files.Columns{Inputs: []string{"texts"}}, `"texts" was left out: an array of NumPy's type "U1"; convert it with astype`},
		{"testdata/arrays.npz", files.Columns{Inputs: []string{"records"}}, `"records" was left out: an array "{'descr': [(`},
		{"testdata/people.csv", files.Columns{}, `a file ".csv"; .npz, .safetensors, .pt and .pth can be read here`},
		{"testdata/nowhere.npz", files.Columns{}, "files: testdata/nowhere.npz: no such file or directory"},
		{broken, files.Columns{Inputs: []string{"x"}}, `"x" was left out: the shape (900000000000,) has more elements than the file`},
	} {
		_, err := files.ReadTensors(c.path, c.columns)
		require.ErrorContains(t, err, c.want)
	}
	good, err := os.ReadFile("testdata/version1.npy")
	require.NoError(t, err)
	for want, text := range map[string]string{
		"it is not an array of numpy.save":                      "PK\x03\x04 and more",
		"it ends after 3 of 24 bytes of elements; get it again": string(good[:len(good)-21]),
		"its header has 65535 bytes; the file is damaged":       "\x93NUMPY\x01\x00\xff\xff" + string(good[10:]),
		"its header has 118 bytes; the file is damaged":         string(good[:50]),
	} {
		_, err := files.ReadNpy(write(t, "a.npy", text))
		require.ErrorContains(t, err, want)
	}
	_, err = files.ReadNpy(write(t, "long.npy", "\x93NUMPY\x01\x00\x00\x80"+strings.Repeat("\x1b", 1<<16)))
	require.ErrorContains(t, err, "only arrays of numbers and booleans can be read")
	assert.Less(t, len(err.Error()), 1500)
	assert.NotContains(t, err.Error(), "\x1b")
}

// All readers put the tensors on the device that was asked for.
func TestDevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	torchtest.NoLeaks(t)
	columns := files.Columns{Inputs: []string{"score"}, Targets: []string{"rooms"}, Device: device}
	table, err := files.ReadCSV("testdata/people.csv", columns)
	require.NoError(t, err)
	lines, err := files.ReadJSONLines("testdata/people.jsonl", columns)
	require.NoError(t, err)
	tensors, err := files.ReadTensors("testdata/samples.npz", files.Columns{Inputs: []string{"images"}, Targets: []string{"labels"}, Device: device})
	require.NoError(t, err)
	pictures, err := files.ReadImages("testdata/images", files.Images{Device: device})
	require.NoError(t, err)
	assert.Equal(t, golden(t).Score, table.X.Float32s())
	for _, content := range []*files.Content{table, lines, tensors, pictures} {
		assert.Equal(t, device, content.X.Device())
		assert.Equal(t, device, content.Y.Device())
		content.Close()
	}
}

// A device that is not there is an error.
func TestNoDevice(t *testing.T) {
	torchtest.NoLeaks(t)
	none := torch.CUDA(63)
	_, err := files.ReadCSV("testdata/people.csv", files.Columns{Inputs: []string{"score"}, Device: none})
	require.ErrorContains(t, err, "files: testdata/people.csv: torch: ")
	_, err = files.ReadTensors("testdata/samples.npz", files.Columns{Inputs: []string{"a"}, Device: none})
	require.ErrorContains(t, err, "files: testdata/samples.npz: torch: ")
	_, err = files.ReadImages("testdata/images", files.Images{Device: none})
	require.ErrorContains(t, err, "files: testdata/images: torch: ")
}
