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
// panics with an [Error] that says so. [FromATen], [Tensor.ATen] and [Foreign] are for
// programs in which other code uses libtorch, too.
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
// Scope, [NoGrad], [Autocast] and [Threads] hold for the function they are given: they
// lock its goroutine to an OS thread meanwhile. Goroutines started inside are not
// covered.
//
// # Operators
//
// Names and arguments are PyTorch's. A name that ends in InPlace changes the tensor, one
// that ends in Scalar takes a Go number, and one that ends in Dim works along dimensions.
//
//   - New tensors: [FromSlice], [Zeros], [Ones], [Full], [Eye], [Arange], [Linspace],
//     [Rand], [Randn], [RandInt], [Randperm], [Tensor.Multinomial], [Tensor.Bernoulli],
//     and [ZerosLike] and its kin.
//   - Elementwise: [Tensor.Add] to [Tensor.Div], [Tensor.Pow], [Tensor.Exp], [Tensor.Log],
//     [Tensor.Sqrt], [Tensor.Sin], [Tensor.Erf], [Tensor.Floor], [Tensor.Round],
//     [Tensor.Clamp], [Where], [Tensor.Lerp], [Tensor.NanToNum].
//   - Activations: [Tensor.Relu], [Tensor.Gelu], [Tensor.Silu], [Tensor.Elu],
//     [Tensor.Softplus], [Tensor.Tanh], [Tensor.Sigmoid], [Tensor.Softmax], [Tensor.Glu].
//   - Comparisons and logic: [Tensor.Eq], [Tensor.Lt], [Tensor.GtScalar],
//     [Tensor.LogicalAnd], [Tensor.IsNaN], [Tensor.All], [Tensor.Any], [Tensor.AllClose].
//   - Reductions and order: [Tensor.Sum], [Tensor.MeanDim], [Tensor.Std], [Tensor.MaxDim],
//     [Tensor.Argmax], [Tensor.LogSumExp], [Tensor.Norm], [Tensor.Cumsum], [Tensor.Sort],
//     [Tensor.Topk], [Tensor.Unique], [Tensor.Bincount], [Searchsorted].
//   - Parts and places: [Tensor.Index] and [Tensor.IndexPutInPlace] with [Slice],
//     [Ellipsis] and [NewAxis]; [Tensor.Select], [Tensor.Narrow], [Tensor.Gather],
//     [Tensor.Scatter], [Tensor.IndexAdd], [Tensor.MaskedFill], [Tensor.Nonzero].
//   - Shapes: [Tensor.Reshape], [Tensor.Flatten], [Tensor.Permute], [Tensor.Expand],
//     [BroadcastTensors], [Cat], [Stack], [Tensor.Split], [Tensor.Pad], [Tensor.Roll],
//     [Tensor.Repeat], [Tensor.Tril], [Tensor.Unfold].
//   - Linear algebra and attention: [Tensor.Matmul], [Tensor.Bmm], [Einsum], [Cdist],
//     [ScaledDotProductAttention].
//   - Signals and images: [Tensor.FFT], [Tensor.STFT], [Tensor.Interpolate],
//     [Tensor.GridSample].
//   - Layers and losses as functions: [Linear], [Conv], [MaxPool], [BatchNorm], [LSTM],
//     [LayerNorm], [Embedding], [Dropout], [MSELoss], [CrossEntropyLoss]. Package nn has
//     the layers themselves.
//
// [Call] reaches every other operator of ATen by its name.
package torch
