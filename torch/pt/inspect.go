// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
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

// inspector lists what a finder finds.
type inspector struct {
	ctx   context.Context
	info  *inspect.Info
	bytes int64 // that may still be hashed
	sums  map[any]string

	tensors, values []*place
}

func inspectReader(ctx context.Context, r io.ReaderAt, size int64) (*inspect.Info, error) {
	l := &loader{opts: LoadOptions{Placeholders: true}}
	in := &inspector{ctx: ctx, bytes: 1<<30 + 64*size, sums: map[any]string{}}
	err := fail.Catch(func() {
		plain := l.decode(r, size)
		in.info = &inspect.Info{Format: "pt", Tensors: []inspect.Tensor{}, Values: inspect.Values{}, Metadata: l.metadata}
		(&finder{l: l, tensor: in.tensor, value: in.value}).walk(nil, plain)
	})
	if err != nil {
		return nil, err
	}
	names := uniqueNames(append(in.tensors, in.values...))
	for i := range in.info.Tensors {
		in.info.Tensors[i].Name = names[i]
	}
	for i := range in.info.Values {
		in.info.Values[i].Name = names[len(in.tensors)+i]
	}
	return in.info, nil
}

func (in *inspector) value(at *place, leaf any) {
	in.info.Values, in.values = append(in.info.Values, inspect.Value{Value: leaf}), append(in.values, at)
}

func (in *inspector) tensor(at *place, t *tensorSpec, same any) {
	n, ok := t.numBytes()
	if !ok {
		fail.With("%s: the sizes %v are too large", at.name(), t.size)
	}
	sum, ok := in.sums[same]
	if !ok {
		if in.bytes -= n; in.bytes < 0 {
			fail.With("%s: the file's views add up to many times what it holds", at.name())
		}
		h := sha256.New()
		err := t.elements(func(part []byte) error {
			h.Write(part)
			return in.ctx.Err()
		})
		if err != nil {
			fail.With("%s: %w", at.name(), err)
		}
		sum = hex.EncodeToString(h.Sum(nil))
		in.sums[same] = sum
	}
	in.info.Tensors, in.tensors = append(in.info.Tensors, inspect.Tensor{
		DType: t.dtype.String(), Shape: slices.Clone(t.size), Strides: slices.Clone(t.stride), Bytes: n, SHA256: sum,
	}), append(in.tensors, at)
}

// longestText is the length of the longest text that is listed in full.
const longestText = 1 << 20

// shortened describes a text or bytes that are too long to be listed.
func shortened[T string | []byte](kind string, v T) string {
	h := sha256.New()
	buf := make([]byte, longestText) // no copy of the whole
	for rest := v; len(rest) > 0; {
		n := copy(buf, rest)
		h.Write(buf[:n])
		rest = rest[n:]
	}
	return fmt.Sprintf("<%s of %d bytes, sha256 %x>", kind, len(v), h.Sum(nil))
}

// leafOf returns a plain value in the form of inspect.Value.
func leafOf(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool, int, *big.Int:
		return v, true
	case string:
		if len(v) > longestText {
			return shortened("a str", v), true
		}
		return pickle.Visible(v), true
	case *pickle.Object:
		return "<" + v.Class + ">", true
	case float64:
		switch {
		case math.IsNaN(v):
			return "nan", true
		case math.IsInf(v, 0):
			return map[bool]string{true: "inf", false: "-inf"}[v > 0], true
		}
		return v, true
	case complex128:
		return fmt.Sprint(v), true
	case []byte:
		if len(v) > longestText {
			return shortened("bytes", v), true
		}
		return hex.EncodeToString(v), true
	case *pickle.ByteArray:
		return leafOf(v.Bytes)
	case Size:
		list := make([]any, len(v))
		for i, n := range v {
			list[i] = n
		}
		return list, true
	case torch.DType:
		return "torch." + v.String(), true
	case torch.Layout:
		return "torch.strided", true
	case deviceName:
		return string(v), true
	}
	return nil, false
}
