// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"runtime"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Autocast calls f, on whose goroutine the operators that gain most from it, such as
// Linear, Matmul and convolutions, compute in dtype, BFloat16 or Float16, on devices of
// d's kind, as torch.autocast does. Operators that need more digits, such as losses,
// compute in float32, and others in the types of their inputs. Parameters stay as they
// are, and their gradients have their type. Float32 switches autocast off inside another
// one, as enabled=False does.
//
//	torch.Autocast(device, torch.BFloat16, func() {
//		loss = nn.CrossEntropyLoss(model.Forward(x), y)
//	})
//	loss.Backward()
//
// Which operators these are is PyTorch's choice for each kind of device:
// https://pytorch.org/docs/stable/amp.html#autocast-op-reference. Tensors of float64 are
// not touched. Backward and an optimizer's Step belong outside: the casts of
// parameters are kept until the outermost Autocast ends, so that what changes a
// parameter inside would not be seen. Float16 needs a gradient scaler
// (optim.GradScaler), because small gradients are zeros in it.
func Autocast(d Device, dtype DType, f func()) {
	begin("Autocast", f)
	mustHave("Autocast", d)
	if dtype != BFloat16 && dtype != Float16 && dtype != Float32 {
		throw("Autocast", "the type is %v; it must be bfloat16 or float16, or float32 to switch autocast off", dtype)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, err := ctorch.EnterAutocast(int(d.Type), dtype.code(), dtype != Float32)
	check("Autocast", err)
	defer old.Leave()
	f()
}
