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

// TestMain collects garbage all the while, so that memory which C still uses is
// missed, and leaves out the examples that need libtorch where it is absent.
func TestMain(m *testing.M) {
	flag.Parse()
	if torch.Init() != nil {
		if err := flag.Set("test.skip", "^Example(ExportFunc|RegisterLowering)?$"); err != nil {
			panic(err)
		}
	}
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			runtime.GC()
		}
	}()
	os.Exit(m.Run())
}
