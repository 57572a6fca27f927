// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package pt reads and writes PyTorch's .pt files, the zip archives of torch.save,
// without Python and without executing anything from a file.
//
//	err := pt.Save("model.pt", nn.StateDict(model)) // torch.load("model.pt") in Python
//	dict, err := pt.LoadDict("model.pt")            // torch.save(model.state_dict(), "model.pt")
//
// # Values
//
// A value is a tree of
//
//	Go                                Python
//	*torch.Dict                       dict, collections.OrderedDict if OrderedDict is set;
//	                                  Counter and defaultdict when read
//	[]any                             list
//	torch.Tuple                       tuple
//	Size                              torch.Size
//	Set, FrozenSet                    set, frozenset
//	*torch.Tensor                     torch.Tensor; torch.nn.Parameter, numpy.ndarray when read
//	int, int64 (read as int)          int; numpy's integers when read
//	*big.Int                          int beyond 64 bits
//	float64, bool, string, nil        float, bool, str, None; numpy's when read
//	complex128                        complex; numpy's when read
//	[]byte, ByteArray                 bytes, bytearray
//	torch.DType, Device, Layout       torch.dtype, torch.device, torch.layout
//
// Tensors that share a storage share it in the file and after reading. Strides and
// offsets are kept, so the whole storage is written, as in PyTorch: clone a small view
// of a large tensor before saving it. requires_grad is kept;
// a tensor that has it is written as a tensor, not as a Parameter. The same *torch.Tensor
// or *torch.Dict at two places is one object in Python and after reading. The
// attributes of an OrderedDict, such as a state_dict's _metadata, are its Attributes;
// those of tensors are dropped.
// Tensors of every device are written with the location "cpu", so a file loads
// on any machine without map_location; reading makes CPU tensors too, or those of
// [LoadOptions], and maps large files into memory if asked to.
//
// # Files
//
// The layout is torch.save's of PyTorch 2.15, so torch.load reads it with
// weights_only=True and with mmap=True. Storages are streamed both ways: beside the
// tensors themselves, a few megabytes are in memory at a time.
//
// Load reads what torch.save writes: zip archives with pickles of the protocols 0 to 5,
// little-endian and big-endian, and the legacy format, from before PyTorch 1.6, also
// of Python 2. A str may hold lone surrogates, which Python uses for bytes of file names
// that are not UTF-8; in Go it is not valid UTF-8 then. A dict may contain itself.
//
// # Safety
//
// Reading executes nothing. A pickle's classes and functions are names. The names for
// the values of the table above are known; a file with any other name, or with a sparse
// or quantised tensor, is refused with an error that names it and says what to do. If
// [LoadOptions] ask for it, such a value is read as an [Object] instead, which has the
// name of the class and nothing else.
// [LoadTensors] reads the tensors of a file, even if it also holds objects that are refused.
// Depth, sizes and counts are bounded, so a small file cannot ask for much memory.
// Records must be uncompressed and inside the file, and must not overlap.
package pt

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/etude-ml/etude/torch/wholefile"
)

// Save writes value to a file. The file is replaced as a whole or not at all: on
// any error, and when the process or the machine dies, the previous one remains.
// A symbolic link is followed. A value that cannot be stored is named by its
// place in the tree.
func Save(path string, value any) error {
	err := wholefile.Replace(path, func(w io.Writer) error { return write(w, archiveName(path), value) })
	if err != nil {
		return fmt.Errorf("pt: cannot save %s: %w", path, err)
	}
	return nil
}

// Write writes the archive that Save would write to w.
func Write(w io.Writer, value any) error {
	if err := write(w, fallbackName, value); err != nil {
		return fmt.Errorf("pt: cannot write: %w", err)
	}
	return nil
}

const fallbackName = "archive"

// archiveName returns the name of the folder inside the archive: the file's name
// without its last extension, as PyTorch chooses it.
func archiveName(path string) string {
	name := filepath.Base(path)
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[:i]
	}
	name = name[strings.LastIndexByte(name, '\\')+1:]
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' {
			return fallbackName
		}
	}
	if name == "" || name == "." || name == ".." {
		return fallbackName
	}
	return name
}
