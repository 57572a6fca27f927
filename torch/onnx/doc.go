// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package onnx exports networks to ONNX files, and runs such files.
//
//	check, err := onnx.Export("emotion.onnx", model, onnx.Signature{
//		Input: "audio_features", Output: "emotion_embedding", Example: x,
//	})
//
//	sess, err := onnx.Open("emotion.onnx")
//	defer sess.Close()
//	out, err := sess.Run(ctx, onnx.Feeds{"audio_features": x})
//
// # Export
//
// [Export] calls the network's Forward with three batch sizes and records the
// operators that it calls: numbers that differ between the calls depend on the batch,
// whose size stays free in the file. A table (see table.go) has the ONNX form of every
// operator; an operator that is not in it is an error, never a guess, until
// [RegisterLowering] gives it a form. Of control flow in Go, the file has the branches
// that these calls took.
//
// [ExportFunc] exports a network with several inputs and outputs, the states of a
// recurrent layer for example, and with any number of free sizes, which have names:
//
//	check, err := onnx.ExportFunc("lstm.onnx", lstm, f, onnx.Signature{
//		Inputs: []onnx.Input{
//			{Name: "x", Example: x, Axes: map[int]string{0: "time", 1: "batch"}},
//			{Name: "h0", Example: h0, Axes: map[int]string{1: "batch"}},
//			{Name: "c0", Example: c0, Axes: map[int]string{1: "batch"}},
//		},
//		Outputs: []string{"y", "h", "c"},
//	})
//
// For n free sizes the network is called n+2 times. A number in the file may be a sum of
// multiples of free sizes, a product of them, or any size that a tensor of the network
// has, a rounded half of a picture's height for example. The network is refused if it
// computes another number in Go, or if it calls other operators for other sizes: what
// loops over a sequence in Go needs a sequence of one length. For a size that has to be
// divisible, Axes can say "2*height".
//
// The file has one graph, of opset 17 unless [Signature].Opset says otherwise, weights
// included. Tensors of the network's state dict keep their names and their elements
// (fc1.weight); those of LSTM, GRU and RNN are joined as ONNX wants them (lstm.W, lstm.R,
// lstm.B).
//
// With [Signature].Weights a file is half or a quarter as large.
//
// Before a file gets its name, ONNX Runtime and libtorch compute the same inputs at
// several sizes: a batch of 1, 7 and 64, or with several free sizes those at which the
// traces were verified, and mixtures of 1, 7 and 64 where the network can run with them.
// The largest difference is returned, and is stored in the file's metadata beside the
// caller's own entries. There is no file if it is too large, or if nothing could be
// compared because the outputs are not numbers.
//
// # Running
//
// A [Session] runs a file in ONNX Runtime, for any number of goroutines at once, on the CPU
// or on what [SessionOptions].Providers names. [Session.Run] takes tensors;
// [Session.RunSlices] works without libtorch; [Session.Bind] reads and writes memory of the
// program, for loops in which time matters. Each ends when its context does.
// [Inspect] reads a file without running anything, and [CompareGraphs] lists the
// differences between two files.
package onnx
