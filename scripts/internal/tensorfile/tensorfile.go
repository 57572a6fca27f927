// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package tensorfile describes what files of tensors hold, and how two of them
// differ: .pt, .onnx and .safetensors.
package tensorfile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/safetensors"
	"github.com/etude-ml/etude/torch/wholefile"
)

// File describes what a file holds. As JSON it is what `etude inspect --json` prints.
type File struct {
	Path  string `json:"file"`
	Bytes int64  `json:"bytes"` // of the file
	*inspect.Info
	// Problems say which elements could not be read, and why: a model's may be in
	// another file, which may be missing.
	Problems []string `json:"problems,omitempty"`

	// source reads elements; it is opened at the first use.
	open   func() (source, error)
	source source
}

// source reads the elements of a file's tensors, little-endian and row-major.
type source interface {
	elements(name string) ([]byte, error)
	close()
}

// Open reads a file, whatever its name is, without libtorch. Elements are hashed
// and not kept; hashing ends early with ctx.
func Open(ctx context.Context, path string) (*File, error) {
	kind, size, err := sniff(path)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, Bytes: size}
	switch kind {
	case kindPT:
		f.Info, err = pt.Inspect(ctx, path)
		f.open = func() (source, error) { return openPT(path) }
	case kindSafetensors:
		f.Info, err = safetensors.Inspect(ctx, path)
		f.open = func() (source, error) { return openSafetensors(path) }
	default:
		var w *weights
		if f.Info, w, err = inspectONNX(path); err == nil {
			f.source, f.Problems = w, w.notes
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

// Close frees what reading elements took.
func (f *File) Close() {
	if f.source != nil {
		f.source.close()
	}
}

func (f *File) elements(name string) ([]byte, error) {
	if f.source == nil {
		var err error
		if f.source, err = f.open(); err != nil {
			return nil, err
		}
	}
	return f.source.elements(name)
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

type kind int

const (
	kindPT kind = iota
	kindSafetensors
	kindONNX
)

// sniff recognises a file's kind by how it begins.
func sniff(path string) (kind, int64, error) {
	f, size, err := wholefile.Open(path)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, 0, err
	}
	head = head[:n]
	if k, ok := kindOf(head); ok {
		return k, size, nil
	}
	if n == 0 {
		return 0, 0, fmt.Errorf("%s is empty", path)
	}
	if what := inspect.OtherFile(head); what != "" {
		return 0, 0, fmt.Errorf("%s: %s", path, what)
	}
	return 0, 0, fmt.Errorf("%s is no .pt, .onnx or .safetensors file: it begins with %q", path, head[:min(n, 8)])
}

// longestHeader is the format's limit, of a safetensors file, in bytes.
const longestHeader = 100_000_000

func kindOf(head []byte) (kind, bool) {
	switch {
	case len(head) < 2:
		return 0, false
	// The length of the header, then the header, which is JSON.
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= longestHeader:
		return kindSafetensors, true
	case string(head[:2]) == "PK": // zip
		return kindPT, true
	case head[0] == 0x80 && head[1] >= 2 && head[1] <= 5, strings.HasPrefix(string(head), "L119547037146038801333356L\n"): // pickle, as before PyTorch 1.6
		return kindPT, true
	// The IR version, a number that has one byte. Tools write fields in order.
	case head[0] == 0x08 && head[1] < 0x80:
		return kindONNX, true
	}
	return 0, false
}
