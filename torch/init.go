// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"sync"

	"github.com/etude-ml/etude/torch/internal/ctorch"
	"github.com/etude-ml/etude/torch/libtorch"
)

var initMutex sync.Mutex

// Init loads libtorch and the bridge. It is called by the first use of a tensor;
// calling it early turns that panic into an error. Once it succeeded it returns
// nil at once; after a failure it tries again.
func Init() error {
	return load(func(found *libtorch.Installation) error { return ctorch.Load(found.Bridge, found.CUDABridge) })
}

// InitCPU is [Init] without CUDA: for the life of the process there are no GPUs,
// and their driver is asked for nothing, not even by [ManualSeed], which seeds the
// generators of all devices. So it works where the driver hangs, and loads less.
// After Init it does nothing.
func InitCPU() error {
	return load(func(found *libtorch.Installation) error { return ctorch.LoadCPU(found.Bridge) })
}

func load(open func(*libtorch.Installation) error) error {
	if ctorch.Loaded() {
		return nil
	}
	initMutex.Lock()
	defer initMutex.Unlock()
	if ctorch.Loaded() {
		return nil
	}
	found, err := libtorch.Locate()
	if err != nil {
		return err
	}
	if err := open(found); err != nil {
		return fmt.Errorf("torch: %s cannot be loaded: %w; `etude doctor` says what to do", found.Bridge, err)
	}
	return nil
}

// Version returns libtorch's version, such as "2.15.0".
func Version() string {
	mustInit("")
	return ctorch.Version()
}

func mustInit(op string) {
	if ctorch.Loaded() {
		return
	}
	if err := Init(); err != nil {
		panic(&Error{Op: op, Message: err.Error()})
	}
}
