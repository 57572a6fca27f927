// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
)

// ReadNpy reads the array of a .npy file, as numpy.save writes it, into a CPU tensor that
// belongs to no scope. Arrays of booleans, integers, floats of 16 to 64 bits and complex
// numbers keep their types, shapes and values, in either order of bytes and of dimensions;
// others, such as texts and records, are refused.
//
// Two arrays of one number of rows make a set:
//
//	x, err := files.ReadNpy("x.npy")
//	y, err := files.ReadNpy("y.npy")
//	set := &data.Set{X: x, Y: y}
func ReadNpy(path string) (*torch.Tensor, error) {
	return open(path, func(f *os.File, size int64) (*torch.Tensor, error) { return readNpy(f, size) })
}

// readNpz reads the arrays of an archive, as numpy.savez and savez_compressed write it.
func readNpz(f *os.File, size int64) (*container, error) {
	archive, err := zip.NewReader(f, size)
	if err != nil {
		return nil, err
	}
	c := &container{}
	for _, entry := range archive.File {
		r, err := entry.Open()
		var t *torch.Tensor
		if err == nil {
			// Deflate packs 1032 bytes into one at most, whatever the archive says.
			t, err = readNpy(r, int64(min(entry.UncompressedSize64, 1032*uint64(size))))
			r.Close()
		}
		name := strings.TrimSuffix(entry.Name, ".npy")
		if err != nil {
			c.skipped = append(c.skipped, data.Skip{Name: name, Reason: err.Error()})
			continue
		}
		c.add(name, t)
	}
	return c, nil
}

// npyHeader takes the Python dict at the beginning of a .npy file apart, which NumPy
// writes with these keys:
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
var npyHeader = regexp.MustCompile(`'descr': *'([<>|=]?)([a-zA-Z])(\d+)'.*'fortran_order': *(True|False).*'shape': *\(([\d, L]*)\)`)

// npyTypes are by NumPy's kinds and sizes in bytes.
var npyTypes = map[string]torch.DType{
	"b1": torch.Bool, "i1": torch.Int8, "i2": torch.Int16, "i4": torch.Int32, "i8": torch.Int64,
	"u1": torch.UInt8, "u2": torch.UInt16, "u4": torch.UInt32, "u8": torch.UInt64,
	"f2": torch.Float16, "f4": torch.Float32, "f8": torch.Float64, "c8": torch.Complex64, "c16": torch.Complex128,
}

// readNpy reads an array from a file, or an entry of an archive, of size bytes.
func readNpy(file io.Reader, size int64) (*torch.Tensor, error) {
	r := bufio.NewReader(file)
	start := make([]byte, 10)
	if _, err := io.ReadFull(r, start); err != nil || string(start[:6]) != "\x93NUMPY" {
		return nil, errors.New("it is not an array of numpy.save")
	}
	length := int64(binary.LittleEndian.Uint16(start[8:]))
	if start[6] > 1 { // from version 2 on, the length has four bytes
		rest := make([]byte, 2)
		if _, err := io.ReadFull(r, rest); err != nil {
			return nil, err
		}
		length |= int64(binary.LittleEndian.Uint16(rest)) << 16
	}
	if length > min(size, 1<<20) {
		return nil, fmt.Errorf("its header has %d bytes; the file is damaged", length)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	parts := npyHeader.FindStringSubmatch(string(header))
	if parts == nil {
		return nil, fmt.Errorf("an array %.200q; only arrays of numbers and booleans can be read: save each field of records by itself",
			strings.TrimSpace(string(header)))
	}
	dtype, known := npyTypes[parts[2]+parts[3]]
	if !known {
		return nil, fmt.Errorf("an array of NumPy's type %q; convert it with astype, for example to float32 or int64", parts[2]+parts[3])
	}
	shape, bytes := []int{}, int64(dtype.Size())
	for _, text := range strings.FieldsFunc(parts[5], func(r rune) bool { return strings.ContainsRune(", L", r) }) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > 0 && bytes > size/n {
			return nil, fmt.Errorf("the shape (%.80s) has more elements than the file; get it again", parts[5])
		}
		shape, bytes = append(shape, int(n)), bytes*n
	}
	elements := make([]byte, bytes)
	if n, err := io.ReadFull(r, elements); err != nil {
		return nil, fmt.Errorf("it ends after %d of %d bytes of elements; get it again", n, bytes)
	}
	if parts[1] == ">" {
		swap(elements, dtype)
	}
	var t *torch.Tensor
	err := torch.Try(func() {
		torch.Scope(func() {
			if parts[4] == "False" {
				torch.Unscoped(func() { t = torch.FromBytes(elements, dtype, shape...) })
				return
			}
			dims := make([]int, len(shape)) // the first dimension varies fastest
			for i := range dims {
				dims[i] = len(dims) - 1 - i
			}
			slices.Reverse(shape)
			turned := torch.FromBytes(elements, dtype, shape...).Permute(dims...)
			torch.Unscoped(func() { t = turned.Contiguous() })
		})
	})
	return t, err
}

// swap turns big-endian elements into little-endian ones.
func swap(elements []byte, dtype torch.DType) {
	size := dtype.Size()
	if dtype.IsComplex() {
		size /= 2
	}
	for i := 0; i < len(elements); i += size {
		slices.Reverse(elements[i : i+size])
	}
}
