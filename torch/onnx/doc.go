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
//	out, err := sess.Run(onnx.Feeds{"audio_features": x})
//
// # Export
//
// [Export] calls the network's Forward with three batch sizes and records the
// operators that it calls: numbers that differ between the calls depend on the batch,
// whose size stays free in the file. A table (see table.go) has the ONNX form of every
// operator; an operator that is not in it is an error, never a guess. Of control flow
// in Go, the file has the branches that these calls took.
//
// The file has one graph of opset 17, weights included. Tensors of the network's
// state dict keep their names and their elements (fc1.weight); those of an LSTM are
// joined as ONNX wants them (lstm.W, lstm.R, lstm.B). Those of GRU and RNN are, too.
//
// Before a file gets its name, ONNX Runtime and libtorch compute the same inputs
// at several batch sizes. The largest difference is returned, and is stored in
// the file's metadata beside the caller's own entries. There is no file if it is
// too large, or if nothing could be compared because the outputs are not numbers.
//
// # Running
//
// A [Session] runs a file in ONNX Runtime, for any number of goroutines at once.
// [Session.Run] takes tensors; [Session.RunSlices] works without libtorch.
// [Inspect] reads a file without running anything, and [CompareGraphs] lists the
// differences between two files.
package onnx
