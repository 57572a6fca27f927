// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package libtorch finds, installs, compiles and diagnoses the libraries below
// package torch: libtorch, the small C++ library in front of it (the bridge), and
// ONNX Runtime. Go links none of them; they are opened at run time.
//
//	inst, err := libtorch.Setup(ctx, libtorch.Options{})
//
// does what `etude setup` does, [Doctor] what `etude doctor` does, and [Locate]
// finds everything in a few milliseconds.
//
// All files are in a folder called the home. There are two: $ETUDE_HOME, if it is
// set, and the folder etude in the user's cache. Both are searched, the first one
// first. What is missing is written to the first one that is writable, and where
// nothing is missing nothing is written, so a complete read-only $ETUDE_HOME (a
// container's image) serves every user. The folder in the cache is ignored if
// another user owns it or may write to it, because libraries are opened from it.
// Whoever sets $ETUDE_HOME trusts all who may write there.
//
//	lock                         held by the process that writes
//	tmp/                         work in progress; the next writer empties it
//	libtorch-2.15.0-cpu/torch/   unpacked from the torch wheel
//	libtorch-2.15.0-cuda/torch/  the same with CUDA, and nvidia/ beside it
//	libtorch.json                the libtorch that Options.Libtorch named
//	onnxruntime-1.32.0/          libonnxruntime.so; $ETUDE_ONNXRUNTIME names another
//	bridge/                      compiled libraries, named by version and hash
//
// $ETUDE_LIBTORCH, $LIBTORCH or Options.Libtorch name another libtorch. It is used
// in its place and never written to.
package libtorch

import (
	"errors"
	"fmt"
)

// Supported libtorch versions: both ends, as major*100 + minor.
const (
	oldest = 211
	newest = 215
)

// oldestONNXRuntime is the first version, as major*100 + minor, that has the
// interface which onnxruntime_go 1.27 is compiled for (ORT_API_VERSION 24).
const oldestONNXRuntime = 124

// setupHint ends the errors about what is not installed.
const setupHint = "run `etude setup` (importers: `go run github.com/etude-ml/etude/scripts/etude@latest setup`)"

// ErrNotInstalled is wrapped by the errors of [Locate] if something has not been
// set up yet; something that is there and broken gives another error.
var ErrNotInstalled = errors.New("not installed; " + setupHint)

// ErrNoONNXRuntime is wrapped by the error of [Setup] if only ONNX Runtime could
// not be installed. The Installation returned with it can do everything except
// check and run exported networks.
var ErrNoONNXRuntime = errors.New("libtorch is set up, but ONNX Runtime, which checks and runs exported networks, is not")

// Installation lists the paths of what [Setup] made or [Locate] found. They are absolute.
type Installation struct {
	// Libtorch holds lib/ and include/.
	Libtorch string `json:"libtorch"`
	// Version is libtorch's version with its build tag: "2.15.0+cu132".
	Version string `json:"version"`
	// Origin names what chose this libtorch: "$ETUDE_LIBTORCH", "$LIBTORCH",
	// "setup --libtorch" or "setup".
	Origin string `json:"origin"`
	// Bridge is the compiled library that package torch opens.
	Bridge string `json:"bridge"`
	// CUDABridge is the compiled library of the CUDA parts; empty without CUDA.
	CUDABridge string `json:"cuda_bridge,omitempty"`
	// CUDAProblem says why CUDABridge is empty although libtorch has CUDA
	// parts. Only Setup sets it.
	CUDAProblem string `json:"cuda_problem,omitempty"`
	// DistBridge is the compiled library that package torch/dist opens; empty if it
	// could not be compiled.
	DistBridge string `json:"dist_bridge,omitempty"`
	// DistProblem says why DistBridge is empty. Only Setup sets it.
	DistProblem string `json:"dist_problem,omitempty"`
	// ONNXRuntime is the shared library; empty if it is not installed. Training
	// does not need it.
	ONNXRuntime string `json:"onnxruntime,omitempty"`
	// Home is the folder that holds the bridge.
	Home string `json:"home"`
}

// Options of [Setup]. The zero value installs libtorch for the CPU.
type Options struct {
	// CUDA asks for a libtorch that can use NVIDIA GPUs. An installed one that
	// cannot stays where it is and is no longer used.
	CUDA bool
	// Libtorch is the libtorch to use instead of an installed one: a folder that
	// holds lib/ and include/, or one that holds such a folder as torch/. It is
	// remembered in the home.
	Libtorch string
	// Home is the only folder to look in and to write to; "" takes $ETUDE_HOME
	// and the user's cache.
	Home string
	// Force makes everything anew: an installed libtorch, the compiled
	// libraries, ONNX Runtime. A remembered libtorch is forgotten.
	Force bool
	// Progress, if not nil, receives the events.
	Progress func(Event)
}

// Stage names what [Setup] is doing.
type Stage string

// The stages, in the order in which they can come. Download and unpack come
// once for each wheel, compile once for each library.
const (
	StageWait     Stage = "wait"     // for another setup that holds the lock
	StageDownload Stage = "download" // bytes
	StageUnpack   Stage = "unpack"   // bytes
	StageCompile  Stage = "compile"  // source files
	StageDone     Stage = "done"
)

// Event reports progress. Events come one at a time, but not always from the
// goroutine that called Setup.
type Event struct {
	Stage Stage  `json:"stage"`
	Item  string `json:"item"` // a wheel, a library, the lock's path
	// Done of Total, both 0 where nothing is counted.
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// String returns a line for people: "download torch 2.15.0: 120 of 539 MB".
func (e Event) String() string {
	switch {
	case e.Stage == StageDone:
		return "done"
	case e.Stage == StageWait:
		return "waiting for another setup to finish (" + e.Item + ")"
	case e.Total == 0:
		return fmt.Sprintf("%s %s", e.Stage, e.Item)
	case e.Stage == StageCompile:
		return fmt.Sprintf("compile %s: %d of %d files", e.Item, e.Done, e.Total)
	default:
		const mb = 1e6
		return fmt.Sprintf("%s %s: %.0f of %.0f MB", e.Stage, e.Item, float64(e.Done)/mb, float64(e.Total)/mb)
	}
}
