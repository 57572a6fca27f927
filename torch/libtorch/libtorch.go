// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package libtorch finds, installs, compiles and diagnoses what the tensors of
// package torch stand on: libtorch, the small C++ library in front of it (the
// bridge), and ONNX Runtime. Go links none of them; they are opened at run time.
//
//	inst, err := libtorch.Setup(ctx, libtorch.Options{})
//
// does what `etude setup` does, [Doctor] what `etude doctor` does, and [Locate]
// answers in a few milliseconds where everything is.
//
// Everything lives in one folder, the home: $ETUDE_HOME if it is set, and the
// folder etude in the user's cache. Both are searched, in this order, and all that
// the first one has wins over what the second one has. Something missing is written
// to the first one that may be written, and where nothing is missing nothing is
// written: a complete read-only $ETUDE_HOME (a container's image) serves every
// user. The folder in the cache is passed over where another user owns it or may
// write to it, since libraries are opened from it. Whoever sets $ETUDE_HOME trusts
// all who may write there.
//
//	lock                         held by whoever writes
//	tmp/                         work in progress; emptied by the next writer
//	libtorch-2.15.0-cpu/torch/   unpacked from the torch wheel
//	libtorch-2.15.0-cuda/torch/  the same with CUDA, and nvidia/ beside it
//	libtorch.json                the libtorch that Options.Libtorch named
//	onnxruntime-1.32.0/          libonnxruntime.so; $ETUDE_ONNXRUNTIME names another
//	bridge/                      compiled libraries, named by version and hash
//
// Another libtorch is named by $ETUDE_LIBTORCH, $LIBTORCH or Options.Libtorch.
// It is used where it is and never written to.
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

// setupHint is the mend for whatever is not installed.
const setupHint = "run `etude setup` (importers: `go run github.com/etude-ml/etude/scripts/etude@latest setup`)"

// ErrNotInstalled is wrapped by the errors of [Locate] when something was not
// set up yet, as opposed to being there and broken.
var ErrNotInstalled = errors.New("not installed; " + setupHint)

// ErrNoONNXRuntime is wrapped by the error of [Setup] when only ONNX Runtime
// could not be installed. The Installation that comes with it serves for all
// but checking and running exported networks.
var ErrNoONNXRuntime = errors.New("libtorch is set up, but ONNX Runtime, which checks and runs exported networks, is not")

// An Installation is what [Setup] made or [Locate] found. Paths are absolute.
type Installation struct {
	// Libtorch holds lib/ and include/.
	Libtorch string `json:"libtorch"`
	// Version is libtorch's own, with its build tag: "2.15.0+cu132".
	Version string `json:"version"`
	// Origin tells why this libtorch is used: "$ETUDE_LIBTORCH", "$LIBTORCH",
	// "setup --libtorch" or "setup".
	Origin string `json:"origin"`
	// Bridge is the compiled library that package torch opens.
	Bridge string `json:"bridge"`
	// CUDABridge is the same for the CUDA parts; empty without CUDA.
	CUDABridge string `json:"cuda_bridge,omitempty"`
	// CUDAProblem tells why CUDABridge is empty although libtorch has CUDA
	// parts. Only Setup sets it.
	CUDAProblem string `json:"cuda_problem,omitempty"`
	// ONNXRuntime is the shared library; empty if it is not installed, which
	// leaves training as it is.
	ONNXRuntime string `json:"onnxruntime,omitempty"`
	// Home is the folder that holds the bridge.
	Home string `json:"home"`
}

// Locate finds what is installed. It reads a few small files, runs nothing and
// writes nothing. It fails if libtorch or the bridge is missing
// ([ErrNotInstalled]) or unusable; a missing ONNX Runtime is not a failure.
func Locate() (*Installation, error) {
	if err := checkPlatform(); err != nil {
		return nil, err
	}
	s, err := newSearch("")
	if err != nil {
		return nil, err
	}
	inst, _, err := s.locate()
	return inst, err
}

// LocateONNXRuntime finds ONNX Runtime's shared library alone: inference needs
// no libtorch.
func LocateONNXRuntime() (string, error) {
	if err := checkPlatform(); err != nil {
		return "", err
	}
	s, err := newSearch("")
	if err != nil {
		return "", err
	}
	t, _ := s.findTorch() // only to look beside it
	if path := s.findONNXRuntime(t); path != "" {
		if err := whole(path); err != nil {
			return "", fmt.Errorf("libtorch: ONNX Runtime: %w (`etude setup` installs it, $ETUDE_ONNXRUNTIME names another)", err)
		}
		return path, nil
	}
	return "", fmt.Errorf("libtorch: ONNX Runtime %s: %w", onnxRuntimeVersion, ErrNotInstalled)
}
