// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

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
