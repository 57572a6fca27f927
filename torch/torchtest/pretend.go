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
	"github.com/etude-ml/etude/torch/internal/ctorch/pretend"
	"github.com/etude-ml/etude/torch/libtorch"
)

const deviceVariable = "ETUDE_TEST_DEVICE"

// named returns the device that the environment asks for; "" for the pretend one.
func named() string {
	if name := os.Getenv(deviceVariable); name != "pretend" && name != "pretend:0" {
		return name
	}
	return ""
}

var accelerator struct {
	once   sync.Once
	device torch.Device
	err    error
}

// Main loads the pretend accelerator and runs a package's tests:
//
//	func TestMain(m *testing.M) { torchtest.Main(m) }
//
// libtorch's autograd engine counts the devices at its first backward pass, and
// never again, so the device must be there before any test trains on the CPU.
// It is left out where ETUDE_TEST_DEVICE names another device; see [Accelerator].
// Where libtorch is absent Main leaves out the examples, which cannot skip
// themselves.
func Main(m *testing.M) {
	if torch.Init() == nil {
		if named() == "" {
			loadPretend()
		}
	} else if os.Getenv("ETUDE_TEST_REQUIRE_LIBTORCH") != "1" {
		flag.Parse()
		if skip := flag.Lookup("test.skip"); skip.Value.String() == "" {
			_ = skip.Value.Set("^Example")
		}
	}
	m.Run()
}

// Pretend returns the pretend accelerator, a device in host memory that keeps the
// rules of a real one. Operators refuse tensors of another device, it has a random
// generator of its own, and it counts copies and reads by the host, including those
// that a CUDA kernel would hide. It is compiled at its first use. The TestMain of a
// package that uses it has to call [Main]. Where ETUDE_TEST_DEVICE names another
// device the test is skipped; [Accelerator] is for tests of devices in general.
func Pretend(tb testing.TB) torch.Device {
	tb.Helper()
	Need(tb)
	if name := named(); name != "" {
		tb.Skipf("this is a test of the pretend accelerator; %s is %s", deviceVariable, name)
	}
	loadPretend()
	if accelerator.err != nil {
		tb.Fatalf("the pretend accelerator: %v", accelerator.err)
	}
	return accelerator.device
}

// IsPretend reports whether d is the pretend accelerator, which counts its traffic
// and computes what the CPU does, bit for bit.
func IsPretend(d torch.Device) bool {
	return accelerator.device != torch.CPU && d == accelerator.device
}

func loadPretend() {
	accelerator.once.Do(func() { accelerator.device, accelerator.err = startPretend() })
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
	if err := pretend.Load(path); err != nil {
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

// Traffic counts what the pretend accelerator did.
type Traffic struct {
	Reads    int64 // values that the host read, alone or inside an operator
	ToDevice int64 // copies of tensors from the CPU
	ToHost   int64 // copies of tensors to the CPU
	Calls    int64 // operators
}

// PretendTraffic returns the counters of the pretend accelerator since it was
// loaded.
func PretendTraffic() Traffic { return Traffic(pretend.Read()) }

// Since returns the traffic after before.
func (t Traffic) Since(before Traffic) Traffic {
	return Traffic{
		Reads: t.Reads - before.Reads, ToDevice: t.ToDevice - before.ToDevice,
		ToHost: t.ToHost - before.ToHost, Calls: t.Calls - before.Calls,
	}
}

// Plus returns the sum of both.
func (t Traffic) Plus(o Traffic) Traffic {
	return Traffic{
		Reads: t.Reads + o.Reads, ToDevice: t.ToDevice + o.ToDevice,
		ToHost: t.ToHost + o.ToHost, Calls: t.Calls + o.Calls,
	}
}

// Transfers returns how often host and device waited for each other: everything but the
// calls.
func (t Traffic) Transfers() int64 { return t.Reads + t.ToDevice + t.ToHost }
