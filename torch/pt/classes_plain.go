// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// orderedDict is called without arguments or, by Python 2, with a list of pairs.
func orderedDict(l *loader, args []any) (any, error) {
	d := &pickle.Dict{Ordered: true}
	if len(args) == 0 {
		return d, nil
	}
	pairs, ok := args[0].(*pickle.List)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("called with %s, not with a list of pairs", pickle.Kind(args[0]))
	}
	for i, v := range pairs.Items {
		var pair []any
		switch v := v.(type) {
		case *pickle.List:
			pair = v.Items
		case *pickle.Tuple:
			pair = v.Items
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("item %d is %s, not a pair", i, pickle.Kind(v))
		}
		d.Keys, d.Values = append(d.Keys, pair[0]), append(d.Values, pair[1])
	}
	return d, l.charge(32 * len(d.Keys))
}

func torchSize(l *loader, args []any) (any, error) {
	if len(args) != 1 {
		return nil, errors.New("called with something else than one tuple")
	}
	size, err := dims(args[0])
	if err != nil {
		return nil, err
	}
	return Size(size), l.charge(8*len(size) + 32)
}

func torchDevice(_ *loader, args []any) (any, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	name, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("a device called by %s", pickle.Kind(args[0]))
	}
	if len(args) == 2 {
		i, ok := args[1].(int)
		if !ok {
			return nil, fmt.Errorf("a device numbered by %s", pickle.Kind(args[1]))
		}
		name += fmt.Sprintf(":%d", i)
	}
	return deviceName(clip(name)), nil
}

// deviceName is a torch.device before it is known whether there is such a one.
type deviceName string

func (d deviceName) String() string { return "a torch.device" }

func (d deviceName) device() (torch.Device, error) {
	v, err := torch.ParseDevice(string(d))
	if err != nil {
		return v, fmt.Errorf("torch.device: %w", err)
	}
	return v, nil
}

func torchLayout(_ *loader, args []any) (any, error) {
	if len(args) != 1 || args[0] != "torch.strided" {
		return nil, unreadError{errors.New("another layout; only torch.strided is read")}
	}
	return torch.Strided, nil
}

func encodeLatin1(l *loader, args []any) (any, error) {
	if len(args) != 2 || args[1] != "latin1" && args[1] != "latin-1" {
		return nil, errors.New("called otherwise than for bytes in Latin-1")
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("encodes %s", pickle.Kind(args[0]))
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r > 0xff }); i >= 0 {
		return nil, errors.New("the text is not Latin-1")
	}
	if err := l.charge(len(s)); err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b, nil
}

func emptyBytes(_ *loader, args []any) (any, error) {
	if len(args) != 0 {
		return nil, errors.New("called with arguments")
	}
	return []byte{}, nil
}

func byteArray(l *loader, args []any) (any, error) {
	if len(args) == 0 {
		return &pickle.ByteArray{}, nil
	}
	if len(args) == 2 { // text and encoding
		b, err := encodeLatin1(l, args)
		if err != nil {
			return nil, err
		}
		args = []any{b}
	}
	b, ok := args[0].([]byte)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("called with %s", pickle.Kind(args[0]))
	}
	return &pickle.ByteArray{Bytes: bytes.Clone(b)}, l.charge(len(b))
}

func newSet(l *loader, args []any) (any, error)       { return setOf(l, args, false) }
func newFrozenSet(l *loader, args []any) (any, error) { return setOf(l, args, true) }

func setOf(l *loader, args []any, frozen bool) (any, error) {
	s := &pickle.Set{Frozen: frozen}
	if len(args) == 0 {
		return s, nil
	}
	list, ok := args[0].(*pickle.List)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("called with %s, not with a list", pickle.Kind(args[0]))
	}
	s.Items = slices.Clone(list.Items)
	return s, l.charge(16 * len(s.Items))
}

func newComplex(_ *loader, args []any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	re, ok1 := args[0].(float64)
	im, ok2 := args[1].(float64)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("called with %s and %s", pickle.Kind(args[0]), pickle.Kind(args[1]))
	}
	return complex(re, im), nil
}

// counter is a Counter of a dict, and read as that dict.
func counter(_ *loader, args []any) (any, error) {
	if len(args) == 0 {
		return &pickle.Dict{}, nil
	}
	d, ok := args[0].(*pickle.Dict)
	if !ok || len(args) > 1 {
		return nil, fmt.Errorf("called with %s, not with a dict", pickle.Kind(args[0]))
	}
	return d, nil
}

// defaultDict is read as a plain dict: what it would make is left out.
func defaultDict(_ *loader, args []any) (any, error) {
	if len(args) > 1 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	return &pickle.Dict{}, nil
}
