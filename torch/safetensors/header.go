// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Header describes the content of a file.
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
func ReadHeader(path string) (h *Header, err error) {
	err = open(path, "read", func(_ *os.File, read *Header) error { h = read; return nil })
	return h, err
}

// open opens a file, reads its header and calls use. does is a verb for the errors:
// "cannot load".
func open(path, does string, use func(f *os.File, h *Header) error) error {
	f, size, err := wholefile.Open(path)
	if err == nil {
		defer f.Close()
		var h *Header
		if h, err = readHeader(f, size); err == nil {
			err = use(f, h)
		}
	}
	if err != nil {
		return fmt.Errorf("safetensors: cannot %s %s: %w", does, path, err)
	}
	return nil
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

// place turns offsets into places in the file, and refuses tensors that do not fill it.
func (h *Header) place(begin, size int64) error {
	order := make([]*Entry, len(h.Tensors))
	for i := range h.Tensors {
		order[i] = &h.Tensors[i]
	}
	slices.SortStableFunc(order, func(a, b *Entry) int {
		return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.Bytes, b.Bytes)) // an empty one first
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
	err := fail.Catch(func() {
		d.object(func(key string) {
			if key == metadataKey {
				d.object(func(key string) {
					v := d.token()
					s, ok := v.(string)
					if !ok {
						fail.With("%s[%q] is %v, not a text", metadataKey, fail.Clip(key), v)
					}
					h.Metadata[key] = s
				})
				return
			}
			e := Entry{Name: key}
			if err := fail.Catch(func() { e.scan(d) }); err != nil {
				fail.With("tensor %q: %w", fail.Clip(key), err)
			}
			h.Tensors = append(h.Tensors, e)
		})
	})
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("ends in the middle")
	}
	if err != nil {
		return nil, err
	}
	if rest := bytes.TrimRight(text[d.at:], " "); len(rest) > 0 {
		return nil, fmt.Errorf("%q follows it", fail.Clip(string(rest)))
	}
	return h, nil
}

// scan reads the header's entry of one tensor.
func (e *Entry) scan(d *scanner) {
	var shape, offsets []int64
	fields := 0
	d.object(func(key string) {
		fields++
		switch key {
		case "dtype":
			name := d.token()
			at := slices.IndexFunc(types, func(t elementType) bool { return t.name == name })
			if at < 0 {
				fail.With("the type %q is not read", fail.Clip(fmt.Sprint(name)))
			}
			e.DType = types[at].dtype
		case "shape":
			shape = d.numbers(maxDims)
		case "data_offsets":
			offsets = d.numbers(2)
		default:
			fail.With("the key %q is not known", fail.Clip(key))
		}
	})
	if fields != 3 || len(offsets) != 2 {
		fail.With("needs dtype, shape and two data_offsets")
	}
	bytes := int64(e.DType.Size())
	e.Shape = make([]int, len(shape))
	for i, n := range shape {
		e.Shape[i] = int(n)
		if n != 0 && bytes > math.MaxInt64/n {
			fail.With("the shape %v is too large", shape)
		}
		bytes *= n
	}
	e.offset, e.Bytes = offsets[0], offsets[1]-offsets[0]
	if e.Bytes != bytes { // so neither is negative
		fail.With("%s of the shape %v has %d bytes, but the offsets %v", types[rank(e.DType)].name, e.Shape, bytes, offsets)
	}
}
