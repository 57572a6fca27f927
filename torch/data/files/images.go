// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	_ "golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Images says what becomes of images.
type Images struct {
	// Size is the height and width that images are resized to, by linear interpolation
	// over all pixels that a new one covers, as torchvision's Resize does. At 0, images
	// keep their sizes, which must be the same.
	Size [2]int
	Grey bool // one channel instead of red, green and blue: 0.299 R + 0.587 G + 0.114 B

	// DType is torch.Float32, from 0 to 1 as torchvision's ToTensor makes it, or
	// torch.UInt8, from 0 to 255 in a quarter of the memory.
	DType  torch.DType
	Device torch.Device // of ReadImages
}

// ImageFolder is a folder with a folder of images for each class, whose images are read
// when they are asked for. It is a [data.Dataset], which a [data.Loader] reads while a
// network trains: X is [channels, height, width], and Y the number of the class.
//
//	folder, err := files.OpenImages("flowers", files.Images{Size: [2]int{64, 64}})
//	train, val, err := data.SplitStratified(folder.Targets, 0.2, 42)
//	loader := &data.Loader{Data: data.Subset{Data: folder, Indices: train}}
type ImageFolder struct {
	Classes []string    // the names of the folders, sorted
	Paths   []string    // of the images in the folder, with slashes, by class, folder and name
	Targets []int64     // the class of each image
	Skipped []data.Skip // files and classes that were left out

	root   string
	images Images
	bytes  []int64 // the size of each file
}

// extensions are those of the formats that can be decoded.
var extensions = []string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}

// maxPixels is how many pixels an image may have.
const maxPixels = 1 << 28

// OpenImages lists the images in root/CLASS/…, as torchvision's ImageFolder does: the
// classes are numbered in the order of their names. Formats are PNG, JPEG, GIF (its first
// picture), BMP, TIFF and WebP. Pixels are those of Pillow, except in JPEG files, where
// decoders round differently, and fill reduced colours up differently.
func OpenImages(root string, o Images) (*ImageFolder, error) {
	f := &ImageFolder{root: root, images: o}
	if o.DType != torch.Float32 && o.DType != torch.UInt8 {
		return nil, fmt.Errorf("files: %s: images as %s; float32 and uint8 can be made", root, o.DType)
	}
	if h, w := o.Size[0], o.Size[1]; min(h, w) < 0 || (h == 0) != (w == 0) || h > 0 && w > maxPixels/h {
		return nil, fmt.Errorf("files: %s: images cannot be resized to %v; give height and width", root, o.Size)
	}
	entries, err := os.ReadDir(root) // sorted
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || !info.IsDir() {
			f.skip(name, "it is not in the folder of a class")
			continue
		}
		before := len(f.Paths)
		if err := f.list(name); err != nil {
			return nil, fmt.Errorf("files: %s: %w", root, err)
		}
		if len(f.Paths) == before {
			f.skip(name, "the folder holds no images")
		}
		f.Classes = append(f.Classes, name)
	}
	if len(f.Paths) == 0 {
		return nil, fmt.Errorf("files: %s: no images in folders of classes, such as cats/1.png", root)
	}
	return f, nil
}

func (f *ImageFolder) skip(name, reason string) {
	f.Skipped = append(f.Skipped, data.Skip{Name: name, Reason: reason})
}

// list adds the images of a class.
func (f *ImageFolder) list(class string) error {
	type file struct {
		path string
		size int64
	}
	var found []file
	// The folder of a class may be a link; links further down are not followed.
	err := fs.WalkDir(os.DirFS(filepath.Join(f.root, class)), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name = path.Join(class, name)
		if info, err := os.Stat(filepath.Join(f.root, name)); err != nil || !info.Mode().IsRegular() {
			f.skip(name, "it is not a file")
		} else if !slices.Contains(extensions, strings.ToLower(path.Ext(name))) {
			f.skip(name, "its name does not end as that of an image: "+strings.Join(extensions, " "))
		} else {
			found = append(found, file{name, info.Size()})
		}
		return nil
	})
	slices.SortFunc(found, func(a, b file) int {
		return cmp.Or(strings.Compare(path.Dir(a.path), path.Dir(b.path)), strings.Compare(a.path, b.path))
	})
	for _, file := range found {
		f.Paths, f.bytes = append(f.Paths, file.path), append(f.bytes, file.size)
		f.Targets = append(f.Targets, int64(len(f.Classes)))
	}
	return err
}

// Len returns the number of images.
func (f *ImageFolder) Len() int { return len(f.Paths) }

// Name returns the path of image i in the folder.
func (f *ImageFolder) Name(i int) string { return f.Paths[i] }

// Identity returns a hash of the images' paths and sizes in bytes, and of how they are
// read.
func (f *ImageFolder) Identity() string {
	h := sha256.New()
	fmt.Fprintf(h, "%v %v %v", f.images.Size, f.images.Grey, f.images.DType)
	for i, name := range f.Paths {
		fmt.Fprintf(h, "%q %d", name, f.bytes[i])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Sample reads image i. Several goroutines may call it at once. Its errors leave the name
// to the caller, as [data.Dataset] wants it.
func (f *ImageFolder) Sample(i int) (data.Sample, error) {
	planes, shape, err := f.read(i)
	if err != nil {
		return data.Sample{}, err
	}
	sample := data.Sample{X: data.FromSlice(planes, shape...), Y: data.Scalar(f.Targets[i])}
	if f.images.DType == torch.Float32 {
		unit := make([]float32, len(planes))
		for i, v := range planes {
			unit[i] = float32(v) / 255
		}
		sample.X = data.FromSlice(unit, shape...)
	}
	return sample, nil
}

// read decodes, resizes and unpacks an image: [channels, height, width].
func (f *ImageFolder) read(i int) (planes []byte, shape []int, err error) {
	file, _, err := wholefile.Open(filepath.Join(f.root, f.Paths[i]))
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	config, _, err := image.DecodeConfig(file)
	if err != nil {
		return nil, nil, err
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height {
		return nil, nil, fmt.Errorf("an image of %d×%d pixels", config.Width, config.Height)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	decoded, _, err := image.Decode(file)
	if err != nil {
		return nil, nil, err
	}
	rgb, size := opaque(decoded), f.images.Size
	if size[0] > 0 && rgb.Rect.Size() != image.Pt(size[1], size[0]) {
		resized := image.NewRGBA(image.Rect(0, 0, size[1], size[0]))
		draw.BiLinear.Scale(resized, resized.Rect, rgb, rgb.Rect, draw.Src, nil)
		rgb = resized
	}
	n, channels := len(rgb.Pix)/4, 3
	if f.images.Grey {
		channels = 1
	}
	planes = make([]byte, channels*n)
	for i := range n {
		r, g, b := rgb.Pix[4*i], rgb.Pix[4*i+1], rgb.Pix[4*i+2]
		if f.images.Grey { // as Pillow rounds ITU-R 601-2 luma
			planes[i] = uint8((uint32(r)*19595 + uint32(g)*38470 + uint32(b)*7471 + 1<<15) >> 16)
		} else {
			planes[i], planes[n+i], planes[2*n+i] = r, g, b
		}
	}
	return planes, []int{channels, rgb.Rect.Dy(), rgb.Rect.Dx()}, nil
}

// opaque returns the colours of an image, those of transparent pixels too, as Pillow's
// convert("RGB") does.
func opaque(src image.Image) *image.RGBA {
	b := src.Bounds()
	dst := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	if s, ok := src.(interface{ Opaque() bool }); ok && s.Opaque() {
		draw.Draw(dst, dst.Rect, src, b.Min, draw.Src)
		return dst
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := color.NRGBAModel.Convert(src.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
			dst.SetRGBA(x, y, color.RGBA{c.R, c.G, c.B, 255})
		}
	}
	return dst
}

// ReadImages reads all images of a folder, as [OpenImages] lists them, to a set: X [n,
// channels, height, width] and Y [n], int64. Names are the paths, and Classes["class"]
// the classes. Images that cannot be decoded are left out and reported.
func ReadImages(root string, o Images) (*Content, error) {
	f, err := OpenImages(root, o)
	if err != nil {
		return nil, err
	}
	planes, shapes, failed := make([][]byte, f.Len()), make([][]int, f.Len()), make([]error, f.Len())
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range planes {
		group.Go(func() error {
			planes[i], shapes[i], failed[i] = f.read(i)
			return nil
		})
	}
	_ = group.Wait() // no task returns an error
	out := &Content{Classes: map[string][]string{"class": f.Classes}, Skipped: f.Skipped}
	var x []byte
	var y []int64
	var names []string
	var shape []int
	for i, err := range failed {
		if err != nil {
			out.Skipped = append(out.Skipped, data.Skip{Name: f.Paths[i], Reason: err.Error()})
			continue
		}
		if shape == nil {
			shape, x = shapes[i], make([]byte, 0, len(planes[i])*f.Len())
		}
		if !slices.Equal(shapes[i], shape) {
			return nil, fmt.Errorf("files: %s: image %s is %v, and %s is %v; set Size", root, f.Paths[i], shapes[i], names[0], shape)
		}
		x, y, names = append(x, planes[i]...), append(y, f.Targets[i]), append(names, f.Paths[i])
		planes[i] = nil
	}
	if shape == nil {
		return nil, fmt.Errorf("files: %s: none of %d images can be decoded; the first, %s: %w", root, f.Len(), f.Paths[0], failed[0])
	}
	build := func() {
		set := &data.Set{X: torch.FromBytes(x, torch.UInt8, append([]int{len(y)}, shape...)...), Y: torch.FromSlice(y), Names: names}
		if o.DType == torch.Float32 {
			set.X = set.X.ToDType(torch.Float32).DivScalar(255)
		}
		out.Set = set.To(o.Device)
	}
	if err := torch.Try(func() { torch.Scope(build) }); err != nil {
		return nil, fmt.Errorf("files: %s: %w", root, err)
	}
	return out, nil
}
