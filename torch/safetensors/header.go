// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Header is what a file says about itself.
type Header struct {
	Tensors  []Entry // in the header's order
	Metadata map[string]string
}

// Entry describes one tensor.
type Entry struct {
	Name  string
	DType torch.DType
	Shape []int
	Bytes int64

	offset int64 // in the file
}

const (
	maxHeader   = 100_000_000 // bytes, the reference implementation's limit
	maxDims     = 64
	metadataKey = "__metadata__"
)

// ReadHeader reads and checks the header of a file, without its elements and
// without libtorch.
func ReadHeader(path string) (*Header, error) {
	f, size, err := wholefile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: cannot read %s: %w", path, err)
	}
	defer f.Close()
	h, err := readHeader(f, size)
	if err != nil {
		return nil, fmt.Errorf("safetensors: cannot read %s: %w", path, err)
	}
	return h, nil
}

func readHeader(r io.ReaderAt, size int64) (*Header, error) {
	head := make([]byte, min(size, 512))
	if n, err := r.ReadAt(head, 0); n < len(head) {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return nil, errors.New("it is a zip archive, perhaps of torch.save, and not of safetensors")
	}
	if len(head) < 9 || head[8] != '{' {
		if what := inspect.OtherFile(head); what != "" {
			return nil, errors.New(what)
		}
	}
	if size < 8 {
		return nil, fmt.Errorf("it has %d bytes, not even a header's length", size)
	}
	n := binary.LittleEndian.Uint64(head)
	switch {
	case n > maxHeader:
		return nil, fmt.Errorf("its header is said to have %d bytes, above the limit of %d; is it a safetensors file?", n, maxHeader)
	case int64(n) > size-8:
		return nil, fmt.Errorf("its header is said to have %d bytes, but the file only %d: it is cut short", n, size)
	}
	text := make([]byte, n)
	if k, err := r.ReadAt(text, 8); k < len(text) {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, errors.New("its header is not UTF-8")
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, errors.New("its header does not begin with {")
	}
	h, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("its header: %w", err)
	}
	return h, h.place(8+int64(n), size)
}

// place turns offsets into places in the file, which the tensors have to fill.
func (h *Header) place(begin, size int64) error {
	order := make([]*Entry, len(h.Tensors))
	for i := range h.Tensors {
		order[i] = &h.Tensors[i]
	}
	slices.SortStableFunc(order, func(a, b *Entry) int {
		if a.offset != b.offset {
			return int(min(max(a.offset-b.offset, -1), 1))
		}
		return int(min(max(a.Bytes-b.Bytes, -1), 1)) // an empty one first
	})
	end := int64(0)
	for _, e := range order {
		switch {
		case e.offset < end:
			return fmt.Errorf("tensor %q begins at %d, inside the one before, which ends at %d", e.Name, e.offset, end)
		case e.offset > end:
			return fmt.Errorf("tensor %q begins at %d, after a hole from %d on", e.Name, e.offset, end)
		case e.Bytes > size-begin-end:
			return fmt.Errorf("tensor %q ends at %d, beyond the %d bytes that follow the header: the file is cut short", e.Name, end+e.Bytes, size-begin)
		}
		end += e.Bytes
		e.offset += begin
	}
	if begin+end != size {
		return fmt.Errorf("%d bytes follow the last tensor", size-begin-end)
	}
	return nil
}

// parse reads the header's JSON, object by object: the standard decoder takes the
// last of two equal keys, where one of the two has to be wrong.
func parse(text []byte) (*Header, error) {
	d := &scanner{text: text}
	h := &Header{Metadata: map[string]string{}}
	err := object(d, func(key string) error {
		if key == metadataKey {
			return object(d, func(key string) error {
				v, err := d.token()
				if err != nil {
					return err
				}
				s, ok := v.(string)
				if !ok {
					return fmt.Errorf("%s[%q] is %v, not a text", metadataKey, clip(key), v)
				}
				h.Metadata[key] = s
				return nil
			})
		}
		e, err := entry(d)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", clip(key), err)
		}
		e.Name = key
		h.Tensors = append(h.Tensors, e)
		return nil
	})
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("ends in the middle")
		}
		return nil, err
	}
	if rest := bytes.TrimRight(text[d.at:], " "); len(rest) > 0 {
		return nil, fmt.Errorf("%q follows it", clip(string(rest)))
	}
	return h, nil
}

// object reads an object whose values the function reads.
func object(d *scanner, value func(key string) error) error {
	if err := d.delim('{'); err != nil {
		return err
	}
	var few []string // keys so far; a map for more is faster
	var many map[string]bool
	for first := true; ; first = false {
		end, err := d.end('}', first)
		if end || err != nil {
			return err
		}
		t, err := d.token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("%v stands where a key should", t)
		}
		if many[key] || many == nil && slices.Contains(few, key) {
			return fmt.Errorf("the key %q is there twice", clip(key))
		}
		if few = append(few, key); many != nil {
			many[key] = true
		} else if len(few) > 8 {
			many = map[string]bool{}
			for _, k := range few {
				many[k] = true
			}
		}
		if err := d.expect(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
	}
}

func entry(d *scanner) (e Entry, err error) {
	var shape, offsets []int64
	fields := 0
	err = object(d, func(key string) (err error) {
		fields++
		switch key {
		case "dtype":
			t, err := d.token()
			if err != nil {
				return err
			}
			name, _ := t.(string)
			var ok bool
			if e.DType, ok = dtypeOf(name); !ok {
				return fmt.Errorf("the type %q is not read", clip(fmt.Sprint(t)))
			}
		case "shape":
			shape, err = numbers(d, maxDims)
		case "data_offsets":
			offsets, err = numbers(d, 2)
		default:
			return fmt.Errorf("the key %q is not known", clip(key))
		}
		return err
	})
	if err != nil {
		return e, err
	}
	if fields != 3 || len(offsets) != 2 {
		return e, errors.New("needs dtype, shape and two data_offsets")
	}
	bytes := int64(e.DType.Size())
	e.Shape = make([]int, len(shape))
	for i, n := range shape {
		e.Shape[i] = int(n)
		if n != 0 && bytes > math.MaxInt64/n {
			return e, fmt.Errorf("the shape %v is too large", shape)
		}
		bytes *= n
	}
	e.offset, e.Bytes = offsets[0], offsets[1]-offsets[0]
	if e.Bytes != bytes { // so neither is negative
		return e, fmt.Errorf("%s of the shape %v has %d bytes, but the offsets %v", dtypeNames[rank(e.DType)].name, e.Shape, bytes, offsets)
	}
	return e, nil
}

// numbers reads a list of at most n numbers from 0.
func numbers(d *scanner, n int) ([]int64, error) {
	if err := d.delim('['); err != nil {
		return nil, err
	}
	list := []int64{}
	for first := true; ; first = false {
		end, err := d.end(']', first)
		if end || err != nil {
			return list, err
		}
		t, err := d.token()
		if err != nil {
			return nil, err
		}
		number, ok := t.(json.Number)
		x, err := number.Int64()
		if !ok || err != nil || x < 0 || number[0] == '-' || number[0] == '+' || number[0] == '0' && len(number) > 1 {
			return nil, fmt.Errorf("%s stands where a whole number from 0 should", clip(fmt.Sprint(t)))
		}
		if len(list) == n {
			return nil, fmt.Errorf("more than %d numbers", n)
		}
		list = append(list, x)
	}
}

// clip shortens what a file says for an error.
func clip(s string) string {
	const longest = 100
	if len(s) > longest {
		return s[:longest] + "…"
	}
	return s
}
