// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package torch is libtorch for Go: tensors, autograd, devices, memory.
//
//	x := torch.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
//	w := torch.Ones([]int{2, 2}).SetRequiresGrad(true)
//	loss := x.Matmul(w).Tanh().Sum()
//	loss.Backward()
//	fmt.Println(w.Grad())
//
// # libtorch
//
// No program links libtorch. [Init] finds it at run time, together with the
// bridge that was compiled for it; `etude setup` (or libtorch.Setup) installs
// both. Without them a program still builds, and the first use of a tensor
// panics with an [Error] that says so.
//
// # Errors
//
// Operations on tensors panic with *[Error], as indexing a slice does; [Try]
// turns exactly that panic into an error. Functions that touch files, devices or
// users return an error.
//
// # Memory
//
// A tensor made inside [Scope] is freed when the scope ends, unless
// [Tensor.Keep] moves it out. A tensor made elsewhere lives until
// [Tensor.Close], or until the garbage collector finds it unreachable. The
// collector does not see the memory behind a tensor, so loops belong in scopes.
// [Live] counts both, for tests. Any goroutine may use and close any tensor at
// any time: a use either finishes or panics with a clear message.
//
// # Threads
//
// Scope, [NoGrad] and [Threads] hold for the function they are given: they lock
// its goroutine to an OS thread meanwhile. Goroutines started inside are not
// covered.
//
// # Operators
//
// Methods cover what networks, losses, optimizers and features need. [Call]
// reaches every other operator of ATen by its name.
package torch
