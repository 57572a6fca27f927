// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Save writes tensors, by their names, and metadata, which may be nil, to a file.
// The file is replaced as a whole or not at all. Tensors of any device and any
// strides are written without gaps; those that share elements get their own each.
func Save(path string, tensors *torch.Dict, metadata map[string]string) error {
	err := wholefile.Replace(path, func(w io.Writer) error { return write(w, tensors, metadata) })
	if err != nil {
		return fmt.Errorf("safetensors: cannot save %s: %w", path, err)
	}
	return nil
}

// Write writes the file that Save would write to w.
func Write(w io.Writer, tensors *torch.Dict, metadata map[string]string) error {
	if err := write(w, tensors, metadata); err != nil {
		return fmt.Errorf("safetensors: cannot write: %w", err)
	}
	return nil
}

// item is a tensor to be written.
type item struct {
	Entry
	tensor *torch.Tensor
}

func write(w io.Writer, tensors *torch.Dict, metadata map[string]string) error {
	if tensors == nil {
		return errors.New("the dict is nil")
	}
	var items []item
	var err error
	tryErr := torch.Try(func() { items, err = list(tensors) })
	if err = errors.Join(err, tryErr); err != nil {
		return err
	}
	header, err := header(items, metadata)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	_, _ = out.Write(header) // Flush has the error
	for _, it := range items {
		if err := it.write(out); err != nil {
			return fmt.Errorf("elements of %q: %w", it.Name, err)
		}
	}
	return out.Flush()
}

// list returns the tensors in the order of their elements: the largest types
// first, so that all are aligned, and by name.
func list(tensors *torch.Dict) ([]item, error) {
	items := make([]item, 0, tensors.Len())
	for k, v := range tensors.All() {
		name, ok := k.(string)
		if !ok || !utf8.ValidString(name) || name == metadataKey {
			return nil, fmt.Errorf("a tensor cannot be called %v; names are valid texts other than %q", k, metadataKey)
		}
		t, ok := v.(*torch.Tensor)
		if !ok || t == nil {
			return nil, fmt.Errorf("%q is a %T, and the format holds tensors only; texts go into the metadata, all else into a .pt file", name, v)
		}
		d, shape := t.DType(), t.Shape()
		if rank(d) < 0 {
			return nil, fmt.Errorf("%q has elements of the type %s, which the format lacks; use ToDType, or a .pt file", name, d)
		}
		if t.Storage().ID == 0 {
			return nil, fmt.Errorf("%q has no storage of its own (sparse or quantised?); make it dense first", name)
		}
		items = append(items, item{Entry{Name: name, DType: d, Shape: shape, Bytes: int64(t.Numel() * d.Size())}, t})
	}
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(rank(b.DType), rank(a.DType)), cmp.Compare(a.Name, b.Name))
	})
	return items, nil
}

// header returns the length and the JSON, padded so that the elements are aligned.
func header(items []item, metadata map[string]string) ([]byte, error) {
	var members []string
	if len(metadata) > 0 {
		for k, v := range metadata {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				return nil, fmt.Errorf("the metadata %q is not valid UTF-8", k)
			}
		}
		members = append(members, quoted(metadataKey)+":"+quoted(metadata))
	}
	at := int64(0)
	for _, it := range items {
		members = append(members, fmt.Sprintf(`%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`,
			quoted(it.Name), types[rank(it.DType)].name, quoted(it.Shape), at, at+it.Bytes))
		at += it.Bytes
	}
	text := "{" + strings.Join(members, ",") + "}"
	text += strings.Repeat(" ", -len(text)&7) // up to a multiple of 8
	if len(text) > maxHeader {
		return nil, fmt.Errorf("the header would have %d bytes, above the limit of %d", len(text), maxHeader)
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), nil
}

// quoted returns v as JSON, with as few escapes as possible.
func quoted(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // of texts and numbers
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}

// write streams the elements, from whatever device.
func (it item) write(w io.Writer) (err error) {
	tryErr := torch.Try(func() {
		torch.Scope(func() {
			flat := it.tensor.Detach().Contiguous().Reshape(-1)
			n, step := flat.Numel(), chunk/it.DType.Size()
			for from := 0; from < n && err == nil; from += step {
				torch.Scope(func() {
					_, err = w.Write(flat.Narrow(0, from, min(step, n-from)).Bytes())
				})
			}
		})
	})
	return errors.Join(err, tryErr)
}
