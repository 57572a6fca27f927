// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files_test

import (
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/data/files"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

var _ data.Dataset = (*files.ImageFolder)(nil)

// images returns what Python put into testdata/images.
func images(t *testing.T) (paths []string, tensor func(name string) *torch.Tensor) {
	want, err := pt.LoadDict("testdata/images.pt")
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, v := range want.All() {
			if v, ok := v.(*torch.Tensor); ok {
				v.Close()
			}
		}
	})
	for _, v := range torchtest.List(torchtest.Entry[any](t, want, "paths")) {
		paths = append(paths, v.(string))
	}
	require.Len(t, paths, 5)
	return paths, func(name string) *torch.Tensor { return torchtest.Entry[*torch.Tensor](t, want, name) }
}

func TestImages(t *testing.T) {
	torchtest.NoLeaks(t)
	paths, want := images(t)
	for name, o := range map[string]files.Images{"rgb": {DType: torch.UInt8}, "unit": {}, "grey": {DType: torch.UInt8, Grey: true}} {
		got, err := files.ReadImages("testdata/images", o)
		require.NoError(t, err)
		same(t, want(name), got.X, name)
		assert.Equal(t, []int64{0, 0, 0, 1, 1}, torch.ToSlice[int64](got.Y))
		assert.Equal(t, paths, got.Names)
		assert.Equal(t, []string{"Zebra", "cat", "empty"}, got.Classes["class"])
		var left []string
		for _, skip := range got.Skipped {
			left = append(left, skip.Name+": "+skip.Reason)
		}
		const ending = ": its name does not end as that of an image: .png .jpg .jpeg .gif .bmp .tif .tiff .webp"
		assert.Equal(t, []string{
			"cat/notes.txt" + ending, "empty/.keep" + ending, "empty: the folder holds no images",
			"readme.md: it is not in the folder of a class", "cat/bad.png: png: invalid format: not enough pixel data",
		}, left)
		got.Close()
	}
}

// Resized images are PyTorch's antialiased ones to one of 255 steps: both weigh the
// pixels alike, and round intermediate sums in different places.
func TestResize(t *testing.T) {
	torchtest.NoLeaks(t)
	_, want := images(t)
	for name, size := range map[string][2]int{"8x6": {8, 6}, "40x45": {40, 45}, "7x30": {7, 30}} {
		got, err := files.ReadImages("testdata/images", files.Images{Size: size, DType: torch.UInt8})
		require.NoError(t, err)
		require.Equal(t, want(name).Shape(), got.X.Shape())
		torch.Scope(func() {
			off := want(name).ToDType(torch.Float32).Sub(got.X.ToDType(torch.Float32)).Abs()
			assert.LessOrEqual(t, off.Max().Item(), 1.0, name)
		})
		got.Close()
	}
}

// A folder that is read image by image has the samples of one that is read at once.
func TestImageFolder(t *testing.T) {
	torchtest.NoLeaks(t)
	o := files.Images{Size: [2]int{8, 6}}
	all, err := files.ReadImages("testdata/images", o)
	require.NoError(t, err)
	defer all.Close()
	folder, err := files.OpenImages("testdata/images", o)
	require.NoError(t, err)
	require.Equal(t, 6, folder.Len())
	at := 0
	for i := range folder.Len() {
		sample, err := folder.Sample(i)
		if folder.Name(i) == "cat/bad.png" {
			require.EqualError(t, err, "png: invalid format: not enough pixel data")
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, []int{3, 8, 6}, sample.X.Shape)
		assert.Equal(t, all.Names[at], folder.Name(i))
		torch.Scope(func() {
			assert.Equal(t, all.X.Select(0, at).Float32s(), data.ToSlice[float32](sample.X))
			assert.Equal(t, torch.ToSlice[int64](all.Y)[at:at+1], data.ToSlice[int64](sample.Y))
		})
		at++
	}
	other, err := files.OpenImages("testdata/images", files.Images{Size: [2]int{8, 7}})
	require.NoError(t, err)
	assert.NotEqual(t, folder.Identity(), other.Identity())
}

// A JPEG file of one colour comes out in that colour, to the step that its YCbCr costs.
func TestJPEGThroughALink(t *testing.T) {
	torchtest.NoLeaks(t)
	real, root := t.TempDir(), t.TempDir()
	picture := image.NewRGBA(image.Rect(0, 0, 9, 5))
	for i := range 45 {
		picture.SetRGBA(i%9, i/9, color.RGBA{200, 100, 50, 255})
	}
	f, err := os.Create(filepath.Join(real, "a.JPG"))
	require.NoError(t, err)
	require.NoError(t, jpeg.Encode(f, picture, &jpeg.Options{Quality: 100}))
	require.NoError(t, f.Close())
	require.NoError(t, os.Symlink(real, filepath.Join(root, "orange")))
	got, err := files.ReadImages(root, files.Images{DType: torch.UInt8})
	require.NoError(t, err)
	defer got.Close()
	assert.Equal(t, []int{1, 3, 5, 9}, got.X.Shape())
	for i, v := range torch.ToSlice[uint8](got.X) {
		assert.InDelta(t, []int{200, 100, 50}[i/45], v, 2)
	}
}

func TestImagesRefuse(t *testing.T) {
	torchtest.NoLeaks(t)
	root := t.TempDir()
	for name, from := range map[string]string{"a/1.png": "cat/10.png", "b/2.png": ""} {
		text, err := os.ReadFile(filepath.Join("testdata/images", from))
		if from == "" {
			text, err = []byte("no image"), nil
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), text, 0o600))
	}
	for _, c := range []struct {
		root string
		o    files.Images
		want string
	}{
		{"testdata/nowhere", files.Images{}, "no such file or directory"},
		{t.TempDir(), files.Images{}, "no images in folders of classes, such as cats/1.png"},
		{root, files.Images{DType: torch.Int64}, "images as int64; float32 and uint8 can be made"},
		{root, files.Images{Size: [2]int{8, 0}}, "images cannot be resized to [8 0]; give height and width"},
	} {
		_, err := files.ReadImages(c.root, c.o)
		require.ErrorContains(t, err, c.want)
	}
	require.NoError(t, os.Remove(filepath.Join(root, "a/1.png")))
	_, err := files.ReadImages(root, files.Images{})
	require.ErrorContains(t, err, "none of 1 images can be decoded; the first, b/2.png: image: unknown format")

	for _, size := range []int{3, 4} {
		f, err := os.Create(filepath.Join(root, "a", string(rune('0'+size))+".jpg"))
		require.NoError(t, err)
		require.NoError(t, jpeg.Encode(f, image.NewGray(image.Rect(0, 0, size, 2)), nil))
		require.NoError(t, f.Close())
	}
	_, err = files.ReadImages(root, files.Images{})
	require.ErrorContains(t, err, "image a/4.jpg is [3 2 4], and a/3.jpg is [3 2 3]; set Size")
}
