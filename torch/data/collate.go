// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// lengths ends the names of the tensors that hold the lengths of padded arrays.
const lengths = "_lengths"

// collator joins samples to a batch. It keeps its memory from batch to batch.
type collator struct {
	pad    map[string]float64
	size   int // samples that the batch may have
	n      int // samples that it has
	fields map[string]*field
	memory map[string]*memory // by field
}

// field is one array of every sample of a batch.
type field struct {
	*memory
	dtype   torch.DType
	shape   []int   // of the first sample; without the length if the field is padded
	padding []byte  // the value that fills up, nil if the field is not padded
	lengths []int64 // of each sample, if it is
}

type memory struct {
	bytes  []byte // the elements of all samples, behind one another
	padded []byte // the same with equal lengths
}

// begin forgets the batch before.
func (c *collator) begin(size int, pad map[string]float64) {
	c.size, c.n, c.pad = size, 0, pad
	c.fields = map[string]*field{}
	if c.memory == nil {
		c.memory = map[string]*memory{}
	}
}

// add joins one more sample. After an error the batch is of no use.
func (c *collator) add(s Sample) error {
	count := 0
	for name, a := range s.arrays() {
		if c.n == 0 {
			c.fields[name] = c.newField(name, a)
		}
		f := c.fields[name]
		if f == nil {
			return fmt.Errorf("%s: samples before it do not have this array", name)
		}
		if err := f.add(a); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		count++
	}
	if count != len(c.fields) {
		return fmt.Errorf("it has %d arrays, not %q", count, slices.Sorted(maps.Keys(c.fields)))
	}
	for name := range c.pad {
		if c.fields[name] == nil {
			return fmt.Errorf("it has no array %q, which Pad names", name)
		}
		if c.fields[name+lengths] != nil {
			return fmt.Errorf("it has an array %q, where the lengths of %q belong", name+lengths, name)
		}
	}
	c.n++
	return nil
}

func (c *collator) newField(name string, a Array) *field {
	m := c.memory[name]
	if m == nil {
		m = &memory{}
		c.memory[name] = m
	}
	m.bytes = slices.Grow(m.bytes[:0], c.size*len(a.Bytes))
	f := &field{memory: m, dtype: a.DType, shape: a.Shape}
	if value, ok := c.pad[name]; ok {
		torch.Scope(func() { f.padding = torch.Full([]int{1}, value, torch.Options{DType: a.DType}).Bytes() })
		f.shape = a.Shape[min(1, len(a.Shape)):]
	}
	return f
}

func (f *field) add(a Array) error {
	shape := a.Shape
	if f.padding != nil {
		if len(shape) == 0 {
			return fmt.Errorf("it has no dimensions, so that it cannot be padded")
		}
		f.lengths = append(f.lengths, int64(shape[0]))
		shape = shape[1:]
	}
	if a.DType != f.dtype || !slices.Equal(shape, f.shape) {
		return fmt.Errorf("it is %s %v, where samples before it are %s %v; Pad is for sequences of different lengths", a.DType, shape, f.dtype, f.shape)
	}
	f.bytes = append(f.bytes, a.Bytes...)
	return nil
}

// tensors makes the tensors of the batch, by name, on the CPU.
func (c *collator) tensors() map[string]*torch.Tensor {
	out := make(map[string]*torch.Tensor, len(c.fields))
	for name, f := range c.fields {
		shape := []int{c.n}
		if f.padding != nil {
			shape = append(shape, int(slices.Max(f.lengths)))
			out[name+lengths] = torch.FromSlice(f.lengths)
		}
		out[name] = torch.FromBytes(f.joined(), f.dtype, append(shape, f.shape...)...)
	}
	return out
}

// joined returns the elements of all samples, padded where their lengths differ.
func (f *field) joined() []byte {
	if f.padding == nil || slices.Min(f.lengths) == slices.Max(f.lengths) {
		return f.bytes
	}
	row := f.dtype.Size()
	for _, n := range f.shape {
		row *= n
	}
	full := row * int(slices.Max(f.lengths))
	rest := f.bytes
	f.padded = slices.Grow(f.padded[:0], len(f.lengths)*full)
	for _, length := range f.lengths {
		have := row * int(length)
		f.padded = append(f.padded, rest[:have]...)
		f.padded = append(f.padded, bytes.Repeat(f.padding, (full-have)/len(f.padding))...)
		rest = rest[have:]
	}
	return f.padded
}
