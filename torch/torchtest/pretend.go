// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest

import (
	"context"
	"flag"
	"fmt"
	"os"
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

// Main runs a package's tests with the pretend accelerator at hand:
//
//	func TestMain(m *testing.M) { torchtest.Main(m) }
//
// libtorch's autograd engine counts the devices at its first backward pass, and
// never again, so the device must be there before any test trains on the CPU.
// Where libtorch is absent Main leaves out the examples, which cannot skip
// themselves.
func Main(m *testing.M) {
	if torch.Init() == nil {
		loadPretend()
	} else if os.Getenv("ETUDE_TEST_REQUIRE_LIBTORCH") != "1" {
		flag.Parse()
		if skip := flag.Lookup("test.skip"); skip.Value.String() == "" {
			_ = skip.Value.Set("^Example")
		}
	}
	m.Run()
}

// Pretend returns the pretend accelerator, a device of host memory that keeps
// the rules of a real one: operators refuse tensors of another device, and copies
// and reads by the host are counted. It is compiled at its first use. A package
// that uses it has its TestMain call [Main].
func Pretend(tb testing.TB) torch.Device {
	tb.Helper()
	Need(tb)
	loadPretend()
	if pretend.err != nil {
		tb.Fatalf("the pretend accelerator: %v", pretend.err)
	}
	return pretend.device
}

func loadPretend() {
	pretend.once.Do(func() { pretend.device, pretend.err = startPretend() })
}

func startPretend() (torch.Device, error) {
	found, err := libtorch.Locate()
	if err != nil {
		return torch.CPU, err
	}
	path, err := libtorch.CompilePretend(context.Background(), found)
	if err != nil {
		return torch.CPU, err
	}
	if err := ctorch.LoadPretend(path); err != nil {
		return torch.CPU, err
	}
	device, err := torch.ParseDevice("pretend:0")
	if err != nil {
		return torch.CPU, err
	}
	err = torch.Try(func() {
		torch.Scope(func() {
			x := torch.Ones([]int{1}, torch.Options{Device: device}).SetRequiresGrad(true)
			x.Mul(x).Sum().Backward()
		})
	})
	if err != nil {
		return torch.CPU, fmt.Errorf("%w. If a backward pass came before: have TestMain call torchtest.Main", err)
	}
	return device, nil
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
