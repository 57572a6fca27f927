// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package rtneural writes networks as the JSON files that RTNeural loads, a C++ library
// for networks in real-time audio (RTNeural/model_loader.h at commit 1fb1f07).
//
// A file describes a stream: RTNeural is given one frame of numbers and returns one, and
// its recurrent and convolutional layers remember the frames before, until reset() is
// called. [Export] traces the network and writes a layer for each operator:
//
//	PyTorch                                        RTNeural
//	Linear                                         dense, its weights transposed
//	Conv1d of stride 1 that sees no later frame    conv1d
//	BatchNorm1d                                    batchnorm
//	LSTM, GRU                                      lstm, gru: one for each of its layers
//	PReLU                                          prelu
//	Tanh, ReLU, Sigmoid, Softmax, ELU with alpha 1 activation, or part of dense and conv1d
//
// Between them may stand what only arranges dimensions (transpose, permute, unsqueeze,
// squeeze), dropout, and the padding and cutting of a causal convolution. Everything else
// is refused by its name and line, and so is a network that is not a chain: one that adds
// or joins the results of several layers.
//
// RTNeural's convolutions are causal. A convolution without padding is exported too; its
// frames come as many frames later as the kernel reaches back: see [Check].Warmup.
//
// RTNeural's softmax takes the exponentials of its inputs as they are: in float they
// overflow above 88.
//
// [Kelly] is another form of the file, for the plugin of that name.
//
// Before the file gets its name, it is read again and its frames are computed by
// [Network], loops that know nothing of libtorch, and compared with libtorch's. [Open]
// loads such a file; it needs no libtorch.
//
// RTNeural is in no package registry, so the tests do not run it. They compare with the
// results that it gave for the files in testdata, by the program beside them.
package rtneural
