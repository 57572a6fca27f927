// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest

import (
	"context"
	"sync"
	"testing"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/ctorch"
	"github.com/etude-ml/etude/torch/libtorch"
)

var pretend struct {
	once   sync.Once
	device torch.Device
	err    error
}

// Pretend returns the pretend accelerator, a device of host memory that keeps
// the rules of a real one: operators refuse tensors of another device, and copies
// and reads by the host are counted. It is compiled at its first use.
func Pretend(tb testing.TB) torch.Device {
	tb.Helper()
	Need(tb)
	pretend.once.Do(func() {
		found, err := libtorch.Locate()
		if err != nil {
			pretend.err = err
			return
		}
		path, err := libtorch.CompilePretend(context.Background(), found)
		if err != nil {
			pretend.err = err
			return
		}
		if pretend.err = ctorch.LoadPretend(path); pretend.err == nil {
			pretend.device, pretend.err = torch.ParseDevice("pretend:0")
		}
	})
	if pretend.err != nil {
		tb.Fatalf("the pretend accelerator: %v", pretend.err)
	}
	return pretend.device
}

// Traffic is what the pretend accelerator has seen since it was loaded.
type Traffic struct {
	Reads    int64 // single values that the host read
	ToDevice int64 // copies of tensors from the CPU
	ToHost   int64 // copies of tensors to the CPU
	Calls    int64 // operators
}

// PretendTraffic returns the counters of the pretend accelerator.
func PretendTraffic() Traffic {
	c := ctorch.Pretend()
	return Traffic(c)
}

// ForbidReads calls f; meanwhile, on any goroutine, reading a value of the
// pretend accelerator or copying a tensor from it to the CPU is an error.
func ForbidReads(f func()) {
	old := ctorch.PretendForbidReads(true)
	defer ctorch.PretendForbidReads(old)
	f()
}
