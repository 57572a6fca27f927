// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package gotorch takes tensors and networks of GoTorch over, without a copy, and gives ours
// back. GoTorch (github.com/wangkuiyi/gotorch, 2020) is where Go on libtorch began; with this
// package, code that was written for it trains with package trainer, is saved as a .pt file and
// exported to ONNX:
//
//	net := models.MLP()                          // GoTorch's
//	model := gotorch.NewModule(net, net.Forward) // an nn.Module
//	run := trainer.Run{Model: model, Loss: nn.NLLLoss, …}
//	check, err := onnx.Export("mlp.onnx", model, onnx.Signature{Example: x})
//
// # Building
//
// Except for this text, all of it needs the build tag gotorch, GoTorch's C++, compiled for the
// libtorch that `etude setup` has brought, and flags for cgo, because GoTorch's own look for the
// library in the module cache. In Etude's folder `make gotorch` compiles it, and `make
// test-gotorch` shows that it works. In a module of your own:
//
//	go get github.com/wangkuiyi/gotorch@v0.0.0-20201028015551-9afed2f3ad7b
//	etude setup # prints where libtorch is
//	etude=$(go list -m -f '{{.Dir}}' github.com/etude-ml/etude)
//	bash "$etude"/torch/gotorch/build.sh LIBTORCH "$PWD/lib"
//	export CGO_LDFLAGS="-L$PWD/lib -Wl,-rpath,$PWD/lib"
//	go build -tags gotorch
//
// Such a program links libtorch, through libcgotorch.so, and the bridge uses the one that is in
// the process. After another libtorch is set up, build.sh has to run again; Take and Give refuse
// a process that has another one than is set up, or two, where the system (Linux) tells.
//
// # What is what
//
//	GoTorch                                     here
//	Tensor                                      *torch.Tensor; Take and Give
//	Tensor{}                                    nil
//	Add, MM, Relu, Tensor.View, …               methods of torch.Tensor; torch.Call for all others
//	AddI, SubI, MulI, DivI                      AddInPlace, …
//	RandN, Ones, Full, …                        torch.Randn, torch.Ones, torch.Full, …
//	FromBlob                                    torch.FromSlice
//	Backward, Grad, Detach, SetData             Backward, Grad, Detach, torch.Call("aten::set_data", …)
//	Item, which returns an interface{}          Item, ItemInt
//	Tensor.Save, Load, GobEncode, GobDecode     pt.Save, pt.Load
//	NewDevice, Tensor.To, CastTo, CUDA          torch.ParseDevice, Tensor.To, ToDType
//	CUDAStream                                  cuda.Stream; GoTorch's are not compiled in
//	SetNumThreads, initializer.ManualSeed       torch.SetNumThreads, torch.ManualSeed: the same settings
//	nn.Module, its Init                         any struct; the adapter is Module, by NewModule
//	nn.Linear, Conv2d, BatchNorm2d, Sequential  nn.NewLinear, NewConv2d, NewBatchNorm2d, NewSequential
//	nn.Functional                               a type with a method Forward
//	Train, IsTraining                           nn.SetTraining, or Module.Training
//	NamedParameters, NamedBuffers, StateDict    nn.NamedTensors, nn.StateDict, with GoTorch's names
//	SetStateDict, which replaces the tensors    nn.LoadStateDict, which copies into them
//	functional.NllLoss, CrossEntropy            nn.NLLLoss, nn.CrossEntropyLoss
//	initializer.KaimingUniform, …               nn.KaimingUniform, …
//	SGD, Adam                                   optim.NewSGD, optim.NewAdam
//	GC, FinishGC                                torch.Scope; Module needs neither of them
//	imageloader.ImageLoader                     files.Images, data.Loader
//
// Names in a state dict begin with the type: MLPModule.FC1.Weight. For the same seed, layers begin
// with the same values.
//
// # What its finalizers do under load
//
// GoTorch frees each tensor by a finalizer. While it computes, it hands C++ the address of
// the tensor and keeps nothing in Go that refers to it: Tensor's methods never do, and the
// functions of its nn/functional keep their first argument only. In x = Tanh(x) the old x is
// garbage for the collector as soon as C++ has begun, so a collection that ends during the
// call lets the finalizer delete the tensor that Tanh is reading. This can happen in any
// program, only seldom. Where a goroutine calls runtime.GC in a loop, the training of
// GoTorch's MLP ended within 3,000 steps in 8 of 8 runs, with libtorch 2.15 as with 1.13: in
// six by SIGSEGV, in two by an error about a tensor that nobody had made. In three the losses
// had changed before that. GoTorch's own barrier, GC, waits for finalizers at the beginning
// of a step; it does not keep one from running within it.
//
// So libcgotorch.so has a Tensor_Close of ours: in [Protect], and so in Module.Forward, what a
// finalizer closes is deleted only when all have left who were in it then. The same loop in
// Protect, 8 times: no crash, and the losses of a run without the collector. Code of yours
// that calls GoTorch outside of Module.Forward, such as loss functions and loaders, belongs
// in a Protect too.
//
// A finalizer also comes late: Go does not see the memory behind a tensor. GoTorch's loops
// collect in each step for that reason. Module collects when its Forward has left 128 MB in
// host memory behind; on a GPU call runtime.GC now and then.
//
// # What to know of GoTorch
//
//   - It calls runtime.LockOSThread in an init function, and halves the number of threads, on
//     one core to none, which ends the program: set OMP_NUM_THREADS there.
//   - Tensor.Backward and its optimizers do not catch C++'s exceptions: they end the program.
//   - Optimizer.Close frees the optimizer, and the finalizer frees it again: do not call it.
//   - Parameters returns a map's values, in another order each time.
//   - Forward of a Sequential takes and returns interface{}; see NewModule.
package gotorch
