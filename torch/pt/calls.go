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
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// orderedDict is called without arguments or, by Python 2, with a list of pairs.
func orderedDict(l *loader, args []any) any {
	d := &pickle.Dict{Ordered: true}
	if len(args) == 0 {
		return d
	}
	for i, v := range as[*pickle.List](args[0], "called with %s, not with a list of pairs").Items {
		var pair []any
		switch v := v.(type) {
		case *pickle.List:
			pair = v.Items
		case *pickle.Tuple:
			pair = v.Items
		}
		if len(pair) != 2 {
			fail.With("item %d is %s, not a pair", i, pickle.Kind(v))
		}
		d.Keys, d.Values = append(d.Keys, pair[0]), append(d.Values, pair[1])
	}
	l.charge(32 * len(d.Keys))
	return d
}

func torchSize(l *loader, args []any) any {
	size := dims(args[0], "")
	l.charge(8*len(size) + 32)
	return Size(size)
}

func torchDevice(_ *loader, args []any) any {
	name := as[string](args[0], "a device called by %s")
	if len(args) == 2 {
		name += fmt.Sprintf(":%d", as[int](args[1], "a device numbered by %s"))
	}
	return deviceName(fail.Clip(name))
}

// deviceName is the name of a torch.device, which may not exist.
type deviceName string

func (d deviceName) String() string { return "a torch.device" }

func (d deviceName) device() torch.Device {
	v, err := torch.ParseDevice(string(d))
	if err != nil {
		fail.With("torch.device: %w", err)
	}
	return v
}

func torchLayout(_ *loader, args []any) any {
	if args[0] != "torch.strided" {
		fail.On(unreadError{errors.New("another layout; only torch.strided is read")})
	}
	return torch.Strided
}

func encodeLatin1(l *loader, args []any) any {
	if len(args) != 2 || args[1] != "latin1" && args[1] != "latin-1" {
		fail.With("called otherwise than for bytes in Latin-1")
	}
	s := as[string](args[0], "encodes %s")
	if strings.ContainsFunc(s, func(r rune) bool { return r > 0xff }) {
		fail.With("the text is not Latin-1")
	}
	l.charge(len(s))
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b
}

func emptyBytes(_ *loader, args []any) any {
	if len(args) != 0 {
		fail.With("called with arguments")
	}
	return []byte{}
}

func byteArray(l *loader, args []any) any {
	switch len(args) {
	case 0:
		return &pickle.ByteArray{}
	case 2: // text and encoding
		args = []any{encodeLatin1(l, args)}
	}
	b := as[[]byte](args[0], "called with %s")
	l.charge(len(b))
	return &pickle.ByteArray{Bytes: bytes.Clone(b)}
}

func setOf(l *loader, args []any, frozen bool) any {
	s := &pickle.Set{Frozen: frozen}
	if len(args) > 0 {
		s.Items = slices.Clone(as[*pickle.List](args[0], "called with %s, not with a list").Items)
	}
	l.charge(16 * len(s.Items))
	return s
}

func newComplex(_ *loader, args []any) any {
	return complex(as[float64](args[0], "called with %s"), as[float64](args[1], "called with %s"))
}

// counter reads a Counter of a dict as that dict.
func counter(_ *loader, args []any) any {
	if len(args) == 0 {
		return &pickle.Dict{}
	}
	return as[*pickle.Dict](args[0], "called with %s, not with a dict")
}

// defaultDict reads a defaultdict as a plain dict, without the function that makes
// its default values.
func defaultDict(*loader, []any) any { return &pickle.Dict{} }

// rebuildTensorV1 reads (storage, offset, sizes, strides), in files from before
// PyTorch 0.4.
func rebuildTensorV1(l *loader, args []any) any {
	return l.tensorOf(append(args[:4:4], false, nil), nil)
}

func rebuildTensorV2(l *loader, args []any) any { return l.tensorOf(args, nil) }

func rebuildTensorV3(l *loader, args []any) any {
	d := as[torch.DType](args[6], "argument 7 is %s, not a dtype")
	return l.tensorOf(append(args[:6:6], args[7:]...), &d)
}

func rebuildParameter(l *loader, args []any) any {
	t, ok1 := args[0].(*tensorSpec)
	grad, ok2 := args[1].(bool)
	if !ok1 || !ok2 {
		fail.With("called with %s and %s, not with a tensor and a bool", pickle.Kind(args[0]), pickle.Kind(args[1]))
	}
	p := *t
	p.requiresGrad = grad
	l.charge(256)
	return &p
}

// rebuildFromType reads a tensor with attributes, which are dropped. The class is one
// of those that are known, so it adds nothing to the tensor.
func rebuildFromType(l *loader, args []any) any {
	f, ok1 := args[0].(*function)
	_, ok2 := args[1].(class)
	inner, ok3 := args[2].(*pickle.Tuple)
	if !ok1 || !ok2 || !ok3 || !strings.HasPrefix(f.name, "torch._utils._rebuild_") {
		fail.With("called with %s, %s, %s", pickle.Kind(args[0]), pickle.Kind(args[1]), pickle.Kind(args[2]))
	}
	return f.do(l, inner.Items)
}
