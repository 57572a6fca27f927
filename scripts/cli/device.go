// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/libtorch"
)

// deviceFlags select the device and the precision of training.
type deviceFlags struct {
	Device        string `default:"auto" placeholder:"DEVICE" help:"auto, cpu, cuda or cuda:N; auto takes the first GPU that can be used."`
	TF32          bool   `name:"tf32" help:"Let the GPU multiply in TF32, with 10 bits after the point: faster where matrices are large."`
	Deterministic bool   `help:"Refuse operators whose results may differ from run to run."`
}

// auto stands for the first GPU that can be used, or the CPU.
const auto = "auto"

// words returns the flags that differ from the defaults, for a command line to repeat.
func (f deviceFlags) words() string {
	text := ""
	if f.Device != auto {
		text += " --device " + f.Device
	}
	if f.TF32 {
		text += " --tf32"
	}
	if f.Deterministic {
		text += " --deterministic"
	}
	return text
}

// Validate refuses misspelt devices, and the other kinds of device that libtorch knows:
// nothing here was tried on them.
func (f deviceFlags) Validate() error {
	switch kind, _, _ := strings.Cut(f.Device, ":"); kind {
	case "cpu", "cuda":
		_, err := torch.ParseDevice(f.Device)
		return err
	}
	if f.Device != auto {
		return fmt.Errorf("--device is %q; it must be auto, cpu, cuda or cuda:N", f.Device)
	}
	return nil
}

// load loads libtorch, before anything is read: for the CPU without CUDA, so that no
// driver can stand in the way. It makes the process compute as asked, and returns the
// device. A GPU that is named and not here is an error.
func (f deviceFlags) load(env *Env) (device torch.Device, err error) {
	name := f.Device
	if name == auto {
		why := env.cuda()
		if env.Context.Err() != nil {
			return device, context.Cause(env.Context)
		}
		if !why.Available && why.Reason != libtorch.CUDANotTried {
			name = torch.CPU.String()
		}
	}
	if strings.HasPrefix(name, "cpu") {
		err = torch.InitCPU()
	} else {
		var found torch.Device // device would be read while an interrupted call still writes it
		err = env.patiently(waiting, func() error {
			err := torch.Init()
			if err == nil {
				found, err = env.device(name)
			}
			if err == nil {
				err = compute(found)
			}
			return err
		})
		if err == nil {
			device = found
		}
	}
	if err != nil {
		return device, err
	}
	if f.TF32 {
		torch.SetFloat32MatmulPrecision(torch.PrecisionHigh)
	}
	if f.Deterministic {
		torch.UseDeterministicAlgorithms(true)
	}
	return device, nil
}

// compute computes something small, since a GPU that libtorch has no kernels for, or
// that is broken, is found only so: better now than when an earlier run's files have
// made room.
func compute(device torch.Device) error {
	err := torch.Try(func() {
		torch.Scope(func() { torch.Ones([]int{1}, torch.Options{Device: device}).AddScalar(1).Float32s() })
	})
	if err != nil {
		return fmt.Errorf("device %s: %w", device, err)
	}
	return nil
}

// device finds the device of a name.
func (e *Env) device(name string) (torch.Device, error) {
	if name == auto {
		return e.firstGPU(), nil
	}
	device, err := torch.ParseDevice(name)
	if err != nil {
		return device, usageError{err}
	}
	if name == "cuda" {
		device = ownGPU(e.local, torch.DeviceCount(torch.DeviceCUDA))
	}
	err = torch.CheckDevice(device)
	if err != nil && device.Type == torch.DeviceCUDA && torch.DeviceCount(torch.DeviceCUDA) == 0 {
		if why := e.cuda(); why.Problem != "" {
			err = fmt.Errorf("device %s: %s%s; etude doctor says more, --device cpu goes without", device, why.Problem, mend(why))
		}
	}
	return device, err
}

// ownGPU returns the GPU of a process that is number local of its machine and sees visible GPUs.
// A launcher may show each process one only, as srun --gpus-per-task=1 does.
func ownGPU(local, visible int) torch.Device {
	if visible == 1 {
		local = 0
	}
	return torch.CUDA(local)
}

// driverSoon is the time after which waiting is announced: most drivers answer within a
// second, and CUDA's libraries load in one.
var driverSoon = 5 * time.Second // tests change it

// waiting explains why a training does not begin.
const waiting = "waiting for CUDA's libraries and the NVIDIA driver; --device cpu goes without"

// patiently calls f, which may wait for NVIDIA's driver: for ever, if that hangs. It
// writes a line about it, once in the life of the command, and lets an interrupt end it.
func (e *Env) patiently(says string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	late := time.After(driverSoon)
	for {
		select {
		case err := <-done:
			return err
		case <-late:
			e.saidDriver.Do(func() { e.say("%s", says) })
		case <-e.Context.Done():
			return context.Cause(e.Context)
		}
	}
}

// cuda returns what doctor finds of CUDA. It asks the driver in another process, which
// can hang in place of this one, and does not wait for ever.
func (e *Env) cuda() *libtorch.CUDA {
	if e.examined == nil {
		var found *libtorch.CUDA
		err := e.patiently(waiting, func() error { found = libtorch.ExamineCUDA(e.Context); return nil })
		if err != nil {
			return &libtorch.CUDA{} // it was interrupted
		}
		e.examined = found
	}
	return e.examined
}

// firstGPU returns the first GPU that libtorch has kernels for, or the CPU.
func (e *Env) firstGPU() torch.Device {
	if torch.DeviceCount(torch.DeviceCUDA) == 0 {
		return torch.CPU
	}
	devices := e.cuda().Devices
	for _, d := range devices {
		if d.Usable {
			return torch.CUDA(d.Index)
		}
	}
	if len(devices) == 0 { // their kinds are not known, but libtorch has them
		return torch.CUDA(0)
	}
	return torch.CPU
}

// sayDevice reports which device is used where no flag named one, and why a GPU is not.
func (e *Env) sayDevice(device torch.Device) {
	if device.Type == torch.DeviceCUDA {
		text := device.String()
		if p, err := cuda.Properties(device.Index); err == nil {
			text += fmt.Sprintf(", %s with %.0f GB", p.Name, float64(p.TotalMemory)/1e9)
		}
		e.say("on %s", text)
		return
	}
	why := e.cuda()
	if err := torch.CheckDevice(torch.CUDA(0)); why.Available && err != nil { // it can, but not in this process
		why = &libtorch.CUDA{Reason: libtorch.CUDADriverError, Problem: err.Error()}
	}
	if text := onCPU(why); text != "" {
		e.say("%s", text)
	}
}

// onCPU explains why the CPU is used; it is empty on a machine without a GPU.
func onCPU(why *libtorch.CUDA) string {
	switch {
	case why.Available: // the run that is continued was on the CPU
		return "on the CPU, as before; --device cuda takes the GPU"
	case why.Reason == "" || why.Reason == libtorch.CUDANoGPU:
		return ""
	}
	return fmt.Sprintf("on the CPU: %s%s", why.Problem, mend(why))
}

// mend returns what to do, as the end of a sentence.
func mend(why *libtorch.CUDA) string {
	if why.Mend == "" {
		return ""
	}
	return " (" + why.Mend + ")"
}
