// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Inspect describes the content of a file, without making tensors and without
// libtorch. It hashes the elements as it reads them, and stops when ctx ends.
//
// Names are keys and indices from the root, joined by dots. Two values that would have
// the same name have subscripts instead: ['a.b'] and ['a']['b']. Objects of classes
// that are not read are listed as "<CLASS>", texts of more than a megabyte as "<a str
// of N bytes, sha256 HASH>".
func Inspect(ctx context.Context, path string) (*inspect.Info, error) {
	f, size, err := wholefile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("pt: cannot inspect %s: %w", path, err)
	}
	defer f.Close()
	info, err := inspectReader(ctx, f, size)
	if err != nil {
		return nil, fmt.Errorf("pt: cannot inspect %s: %w", path, err)
	}
	return info, nil
}

func inspectReader(ctx context.Context, r io.ReaderAt, size int64) (*inspect.Info, error) {
	l := &loader{opts: LoadOptions{Placeholders: true}}
	info := &inspect.Info{Format: "pt", Tensors: []inspect.Tensor{}, Values: inspect.Values{}}
	err := fail.Catch(func() {
		all := find(l, l.decode(r, size))
		info.Metadata = l.metadata
		sums, left := map[any]string{}, 1<<30+64*size // bytes that may still be hashed
		for _, x := range all {
			if x.tensor == nil {
				info.Values = append(info.Values, inspect.Value{Name: x.name, Value: x.value})
				continue
			}
			n := x.tensor.bytes()
			if sums[x.value] == "" {
				if left -= n; left < 0 {
					fail.With("%s: the file's views add up to many times what it holds", x.at.name())
				}
				h := sha256.New()
				if err := x.tensor.elements(func(part []byte) error { h.Write(part); return ctx.Err() }); err != nil {
					fail.With("%s: %w", x.at.name(), err)
				}
				sums[x.value] = hex.EncodeToString(h.Sum(nil))
			}
			info.Tensors = append(info.Tensors, inspect.Tensor{
				Name: x.name, DType: x.tensor.dtype.String(), Shape: slices.Clone(x.tensor.size), Strides: slices.Clone(x.tensor.stride),
				Bytes: n, SHA256: sums[x.value],
			})
		}
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}
