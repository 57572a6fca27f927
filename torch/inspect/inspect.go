// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package inspect describes the content of a file, as pt.Inspect and
// safetensors.Inspect find it: the tensors by name, type, shape and hash, and the
// other values. It needs no libtorch.
package inspect

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
)

// Info describes a file. `etude inspect --json` prints it as JSON.
type Info struct {
	Format   string            `json:"format"` // "pt", "safetensors" or "onnx"
	Tensors  []Tensor          `json:"tensors"`
	Values   Values            `json:"values"`
	Metadata map[string]string `json:"metadata"`
}

// Tensor describes one tensor.
type Tensor struct {
	Name    string `json:"name"`  // keys and indices from the root, joined by dots
	DType   string `json:"dtype"` // PyTorch's name without "torch."
	Shape   []int  `json:"shape"`
	Strides []int  `json:"strides"` // in elements
	Bytes   int64  `json:"bytes"`   // of its elements, without gaps
	SHA256  string `json:"sha256"`  // of the elements, little-endian and row-major, in hexadecimal
}

// Dense describes a tensor whose elements stand row by row and without gaps, with the
// strides that PyTorch gives it.
func Dense(name, dtype string, shape []int) Tensor {
	strides, step := make([]int, len(shape)), 1
	for i, n := range slices.Backward(shape) {
		strides[i] = step
		step *= max(n, 1)
	}
	return Tensor{Name: name, DType: dtype, Shape: shape, Strides: strides}
}

// Value is a value that is not a tensor: nil, bool, int, *big.Int, float64, string, a
// []any of these, or an empty map[string]any. Values that JSON lacks are strings, such
// as "nan", "torch.float32", "cuda:0", or bytes in hexadecimal.
type Value struct {
	Name  string
	Value any
}

// Values lists the values in the order of the file.
type Values []Value

// MarshalJSON writes the values as an object.
func (vs Values) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range vs {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(v.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(v.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Get returns the value of that name, and whether there is one.
func (vs Values) Get(name string) (any, bool) {
	for _, v := range vs {
		if v.Name == name {
			return v.Value, true
		}
	}
	return nil, false
}

// longestHeader is the limit of the safetensors format, in bytes.
const longestHeader = 100_000_000

// Format recognises a file of tensors by how it begins: "pt", "safetensors" or "onnx";
// "" for any other file.
func Format(head []byte) string {
	switch {
	case len(head) < 2:
	// The length of the header, then the header, which is JSON.
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= longestHeader:
		return "safetensors"
	case string(head[:2]) == "PK": // a zip archive
		return "pt"
	// A pickle, as before PyTorch 1.6: of the protocols 2 to 5, or of the number that
	// the file begins with in the protocols 0 and 1.
	case head[0] == 0x80 && head[1] >= 2 && head[1] <= 5, bytes.HasPrefix(head, []byte("L119547037146038801333356L\n")):
		return "pt"
	// The IR version, a number that has one byte. Tools write fields in order.
	case head[0] == 0x08 && head[1] < 0x80:
		return "onnx"
	}
	return ""
}

// otherFiles lists what people take for a model, by how the file begins.
var otherFiles = []struct{ begin, what string }{
	{"version https://git-lfs", "it is a git-lfs pointer: the content was not fetched; run `git lfs pull` where it comes from"},
	{"<!doctype html", "it is an HTML page, perhaps of a download that asks for a login; download the file itself"},
	{"<html", "it is an HTML page, perhaps of a download that asks for a login; download the file itself"},
	{"<?xml", "it is an XML document, perhaps the error of a download; download the file itself"},
	{"<error", "it is an XML document, perhaps the error of a download; download the file itself"},
	{"\x89hdf\r\n", "it is an HDF5 file, of Keras perhaps, and not of torch.save"},
	{"\x1f\x8b", "it is compressed as a whole; unpack it first"},
	{"\x28\xb5\x2f\xfd", "it is compressed as a whole; unpack it first"},
	{"bzh", "it is compressed as a whole; unpack it first"},
	{"\xfd7zxz", "it is compressed as a whole; unpack it first"},
	{"7z\xbc\xaf", "it is an archive; unpack it first"},
	{"rar!", "it is an archive; unpack it first"},
	{"gguf", "it is a GGUF file, of llama.cpp, and not of PyTorch"},
	{"\x93numpy", "it is a numpy array; in Python, torch.save(torch.from_numpy(numpy.load(path)), ...) converts it"},
	{"%pdf", "it is a PDF document"},
	{"entry not found", "it is the error of a download and not a model; download the file itself"},
	{"access denied", "it is the error of a download and not a model; download the file itself"},
	{"not found", "it is the error of a download and not a model; download the file itself"},
}

// OtherFile returns what a file is instead of a model, and what to do about it, from
// its first bytes: a git-lfs pointer, an HTML page, a compressed file, only zeros. It
// returns "" for an unknown file. head should have at least 512 bytes if the file has.
func OtherFile(head []byte) string {
	text := bytes.Clone(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"))
	for i, c := range text { // not bytes.ToLower, which changes what is not UTF-8
		if 'A' <= c && c <= 'Z' {
			text[i] += 'a' - 'A'
		}
	}
	for _, f := range otherFiles {
		if bytes.HasPrefix(text, []byte(f.begin)) {
			return f.what
		}
	}
	switch {
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return "it is a tar file; unpack it first"
	case len(head) >= 64 && len(bytes.Trim(head, "\x00")) == 0:
		return "it begins with zeros alone: the copy or the download of it did not finish; get it again"
	}
	return ""
}
