// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"flag"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/etude-ml/etude/torch"
)

// TestMain collects garbage again and again, at most a twentieth of the time, so that memory
// which C still uses is missed. Operators use one thread, because the tensors are small. The
// examples that need libtorch are left out where it is absent.
func TestMain(m *testing.M) {
	flag.Parse()
	if torch.Init() == nil {
		torch.SetNumThreads(1)
	} else if err := flag.Set("test.skip", "^Example(ExportFunc|RegisterLowering|Session_Bind)?$"); err != nil {
		panic(err)
	}
	go func() {
		for {
			start := time.Now()
			runtime.GC()
			time.Sleep(max(10*time.Millisecond, 20*time.Since(start)))
		}
	}()
	os.Exit(m.Run())
}
