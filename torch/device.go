// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// DeviceType is a kind of device, by libtorch's number.
type DeviceType int8

// The kinds that have a name here; others are reached by [ParseDevice].
const (
	DeviceCPU  DeviceType = 0
	DeviceCUDA DeviceType = 1
	deviceMeta DeviceType = 14 // tensors with a shape and no elements
)

// Device is where a tensor's elements are. The zero value is the CPU.
type Device struct {
	Type  DeviceType
	Index int
}

// CPU is the host.
var CPU = Device{}

// CUDA returns the i-th CUDA device.
func CUDA(i int) Device { return Device{DeviceCUDA, i} }

// ParseDevice reads "cpu", "cuda", "cuda:1", or the name of another kind that
// libtorch has. "cuda" is "cuda:0". Kinds other than cpu and cuda need libtorch.
func ParseDevice(s string) (Device, error) {
	name, index, found := strings.Cut(s, ":")
	d := Device{}
	if found {
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 {
			return CPU, fmt.Errorf("torch: device %q: the part after the colon must be a number from 0", s)
		}
		d.Index = i
	}
	switch name {
	case "cpu":
		if d.Index != 0 {
			return CPU, fmt.Errorf("torch: device %q: there is one cpu", s)
		}
	case "cuda":
		d.Type = DeviceCUDA
	default:
		if err := Init(); err != nil {
			return CPU, err
		}
		kind, err := ctorch.DeviceType(name)
		if err != nil || name == "" {
			return CPU, fmt.Errorf("torch: device %q is not known; use cpu, cuda or cuda:N", s)
		}
		d.Type = DeviceType(kind)
	}
	return d, nil
}

// String returns "cpu", "cuda:0" and the like.
func (d Device) String() string {
	switch d.Type {
	case DeviceCPU:
		return "cpu"
	case DeviceCUDA:
		return "cuda:" + strconv.Itoa(d.Index)
	}
	if ctorch.Loaded() {
		if name, err := ctorch.DeviceName(int(d.Type)); err == nil {
			return name + ":" + strconv.Itoa(d.Index)
		}
	}
	return fmt.Sprintf("device%d:%d", d.Type, d.Index)
}

// index is libtorch's: the CPU has none.
func (d Device) index() int {
	if d.Type == DeviceCPU {
		return -1
	}
	return d.Index
}

func deviceOf(kind, index int) Device {
	if kind == int(DeviceCPU) {
		return CPU
	}
	return Device{DeviceType(kind), max(index, 0)}
}

// DeviceCount returns how many devices of d's kind can be used; 0 when libtorch
// cannot be loaded.
func DeviceCount(t DeviceType) int {
	if Init() != nil {
		return 0
	}
	n, err := ctorch.DeviceCount(int(t))
	if err != nil {
		return 0
	}
	return n
}

// CheckDevice returns an error that says why d cannot be used, or nil.
func CheckDevice(d Device) error {
	if err := Init(); err != nil {
		return err
	}
	n := DeviceCount(d.Type)
	switch {
	case d.Index < n:
		return nil
	case n == 0 && d.Type == DeviceCUDA:
		return fmt.Errorf("torch: device %s: %w; `etude doctor` says more, --device cpu goes without", d, noCUDA())
	case n == 0:
		return fmt.Errorf("torch: device %s: there is none", d)
	}
	return fmt.Errorf("torch: device %s: there is none; they are numbered from 0, and the last is %s", d, Device{d.Type, n - 1})
}

// noCUDA is why no CUDA device can be used.
func noCUDA() error {
	if err := ctorch.CUDA(); err != nil {
		return fmt.Errorf("no CUDA device can be used: %w", err)
	}
	if _, err := ctorch.CUDAAvailable(); err != nil {
		return err
	}
	return errors.New("no CUDA device can be used")
}

// reason returns the text of an operator's error. If a device has no kernels libtorch
// lists a hundred lines of what other devices have, and if no GPU can be used it says
// so in several ways; the user needs the cause.
func reason(err *ctorch.Error) string {
	missing := strings.HasPrefix(err.Text, "Could not run '")
	if missing && strings.Contains(err.Text, "from the 'CUDA' backend") || strings.HasPrefix(err.Text, "Found no NVIDIA driver") {
		if why := CheckDevice(CUDA(0)); why != nil {
			return strings.TrimPrefix(why.Error(), "torch: ")
		}
	}
	if missing {
		first, _, _ := strings.Cut(err.Text, ". ")
		return first
	}
	if err.Text == "" {
		return "libtorch refused the call without a reason" // aten::_assert_scalar has the caller's text
	}
	return err.Text
}
