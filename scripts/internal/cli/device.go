// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/libtorch"
)

// deviceFlags say where to train, and how exactly.
type deviceFlags struct {
	Device        string `default:"auto" placeholder:"DEVICE" help:"auto, cpu, cuda or cuda:N; auto takes the first GPU that can be used."`
	TF32          bool   `name:"tf32" help:"Let the GPU multiply in TF32, with 10 bits after the point: faster where matrices are large."`
	Deterministic bool   `help:"Refuse operators whose results may differ from run to run."`
}

// auto is the device that is looked for.
const auto = "auto"

// words are the flags that somebody gave, each after a space.
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

// check refuses a device that is misspelt or not here, before anything is read.
func (f deviceFlags) check(env *Env) error {
	if f.Device == auto {
		return nil
	}
	_, err := env.device(f.Device)
	return err
}

// settle makes the process compute as asked. Both are settings of the process, so
// they hold for all networks.
func (f deviceFlags) settle() {
	if f.TF32 {
		torch.SetFloat32MatmulPrecision(torch.PrecisionHigh)
	}
	if f.Deterministic {
		torch.UseDeterministicAlgorithms(true)
	}
}

// device finds the device of a name; auto is the first GPU, or the CPU.
func (e *Env) device(name string) (torch.Device, error) {
	if name == auto {
		if e.found == nil {
			found := firstGPU(e.Context)
			e.found = &found
		}
		return *e.found, nil
	}
	device, err := torch.ParseDevice(name)
	if err != nil {
		return device, usageError{err}
	}
	err = torch.CheckDevice(device)
	if err != nil && device.Type == torch.DeviceCUDA && torch.DeviceCount(torch.DeviceCUDA) == 0 {
		if why := libtorch.ExamineCUDA(e.Context); why.Problem != "" {
			err = fmt.Errorf("device %s: %s%s; etude doctor says more, --device cpu goes without", device, why.Problem, mend(why))
		}
	}
	return device, err
}

// firstGPU is the first one that libtorch has kernels for, or the CPU.
func firstGPU(ctx context.Context) torch.Device {
	if torch.DeviceCount(torch.DeviceCUDA) == 0 {
		return torch.CPU
	}
	devices := libtorch.ExamineCUDA(ctx).Devices
	for _, d := range devices {
		if d.Usable {
			return torch.CUDA(d.Index)
		}
	}
	if len(devices) == 0 { // nobody could be asked for their kinds, but libtorch has them
		return torch.CUDA(0)
	}
	return torch.CPU
}

// sayDevice tells which device is used where nobody named one. That a GPU is not
// used must never go unsaid.
func (e *Env) sayDevice(device torch.Device) {
	if device.Type == torch.DeviceCUDA {
		text := device.String()
		if p, err := cuda.Properties(device.Index); err == nil {
			text += fmt.Sprintf(", %s with %.0f GB", p.Name, float64(p.TotalMemory)/1e9)
		}
		e.say("on %s", text)
		return
	}
	if text := onCPU(libtorch.ExamineCUDA(e.Context)); text != "" {
		e.say("%s", text)
	}
}

// onCPU says that the CPU is used, and why; nothing where it is all there is.
func onCPU(why *libtorch.CUDA) string {
	switch {
	case why.Available: // the run that is continued was on the CPU
		return "on the CPU, as before; --device cuda takes the GPU"
	case why.Reason == "" || why.Reason == libtorch.CUDANoGPU:
		return ""
	}
	return fmt.Sprintf("on the CPU: %s%s", why.Problem, mend(why))
}

// mend is what to do, as the end of a sentence.
func mend(why *libtorch.CUDA) string {
	if why.Mend == "" {
		return ""
	}
	return " (" + why.Mend + ")"
}
