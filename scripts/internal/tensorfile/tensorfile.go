// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package tensorfile describes what files of tensors hold, and how two of them
// differ: .pt, .onnx and .safetensors.
package tensorfile

import (
	"context"
	"fmt"
	"io"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/safetensors"
	"github.com/etude-ml/etude/torch/wholefile"
)

// File describes the content of a file. `etude inspect --json` prints it as JSON.
type File struct {
	Path  string `json:"file"`
	Bytes int64  `json:"bytes"` // of the file
	*inspect.Info
	// Problems say which elements could not be read, and why: a model's may be in
	// another file, which may be missing.
	Problems []string `json:"problems,omitempty"`

	weights *weights // of an ONNX file
	load    func() (map[string]*torch.Tensor, error)
	tensors map[string]*torch.Tensor // that load returned
}

// Open reads a file, whatever its name is, without libtorch. Elements are hashed
// and not kept; hashing ends early with ctx.
func Open(ctx context.Context, path string) (*File, error) {
	format, size, err := sniff(path)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, Bytes: size}
	switch format {
	case "pt":
		f.Info, err = pt.Inspect(ctx, path)
		f.load = func() (map[string]*torch.Tensor, error) { return loadPT(path) }
	case "safetensors":
		f.Info, err = safetensors.Inspect(ctx, path)
		f.load = func() (map[string]*torch.Tensor, error) { return loadSafetensors(path) }
	default:
		if f.Info, f.weights, err = inspectONNX(path); err == nil {
			f.Problems = f.weights.notes
		}
	}
	if err != nil {
		return nil, err
	}
	if f.Metadata == nil { // {} in JSON, not null
		f.Metadata = map[string]string{}
	}
	return f, nil
}

// sniff recognises a file's format by how it begins, and returns its size too.
func sniff(path string) (string, int64, error) {
	f, size, err := wholefile.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	head := make([]byte, min(size, 512))
	if _, err := io.ReadFull(f, head); err != nil {
		return "", 0, fmt.Errorf("%s: %w", path, err)
	}
	format, what := inspect.Format(head), inspect.OtherFile(head)
	switch {
	case format != "":
		return format, size, nil
	case size == 0:
		return "", 0, fmt.Errorf("%s is empty", path)
	case what != "":
		return "", 0, fmt.Errorf("%s: %s", path, what)
	}
	return "", 0, fmt.Errorf("%s is no .pt, .onnx or .safetensors file: it begins with %q", path, head[:min(len(head), 8)])
}

// Close frees the tensors that were loaded.
func (f *File) Close() {
	for _, t := range f.tensors {
		t.Close()
	}
}

// elements returns the elements of a tensor, little-endian and row-major. Those of .pt
// and .safetensors files are loaded at the first call.
func (f *File) elements(name string) (raw []byte, err error) {
	if f.weights != nil {
		return f.weights.elements(name)
	}
	if f.tensors == nil {
		if err := torch.InitCPU(); err != nil {
			return nil, err
		}
		if f.tensors, err = f.load(); err != nil {
			return nil, err
		}
	}
	t, ok := f.tensors[name]
	if !ok {
		return nil, fmt.Errorf("tensor %s was not found", name)
	}
	err = torch.Try(func() {
		torch.Scope(func() { raw = t.Detach().Contiguous().Bytes() })
	})
	return raw, err
}

// loadPT maps the file, so that a large one takes no memory for tensors that are not
// compared; files of old formats are read.
func loadPT(path string) (map[string]*torch.Tensor, error) {
	list, err := pt.LoadTensors(path, pt.LoadOptions{Mmap: true})
	if err != nil {
		if list, err = pt.LoadTensors(path, pt.LoadOptions{}); err != nil {
			return nil, err
		}
	}
	found := map[string]*torch.Tensor{}
	for _, t := range list {
		found[t.Name] = t.Tensor
	}
	return found, nil
}

func loadSafetensors(path string) (map[string]*torch.Tensor, error) {
	d, err := safetensors.Load(path, torch.CPU)
	if err != nil {
		return nil, err
	}
	found := map[string]*torch.Tensor{}
	for name, t := range d.All() {
		found[name.(string)] = t.(*torch.Tensor)
	}
	return found, nil
}

// Totals adds the tensors up.
func (f *File) Totals() (elements, bytes int64) {
	for _, t := range f.Tensors {
		elements += count(t.Shape)
		bytes += t.Bytes
	}
	return elements, bytes
}

func count(shape []int) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= int64(d)
	}
	return n
}
