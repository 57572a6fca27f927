// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build gotorch

package gotorch_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	theirs "github.com/wangkuiyi/gotorch"
	theirnn "github.com/wangkuiyi/gotorch/nn"
	F "github.com/wangkuiyi/gotorch/nn/functional"
	"github.com/wangkuiyi/gotorch/nn/initializer"
	"github.com/wangkuiyi/gotorch/vision/models"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/gotorch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// The bridge opens libtorch, and GoTorch is linked with it: both must have the one that is set up.
func TestOneLibtorch(t *testing.T) {
	torchtest.Need(t)
	at, err := libtorch.Locate()
	require.NoError(t, err)
	lib, err := filepath.EvalSymlinks(filepath.Join(at.Libtorch, "lib"))
	require.NoError(t, err)
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("the system does not list what a process has loaded")
	}
	for _, name := range []string{"libtorch_cpu.so", "libc10.so"} {
		found := regexp.MustCompile(`\S*/`+regexp.QuoteMeta(name)).FindAllString(string(maps), -1)
		assert.Equal(t, []string{filepath.Join(lib, name)}, slices.Compact(found))
	}
}

// A tensor on both sides is one: elements, gradient, requires_grad, and how long it lives.
func TestOneTensor(t *testing.T) {
	torchtest.NoLeaks(t)
	a := theirs.Ones([]int64{3}, true)
	ours := gotorch.Take(a)
	assert.Nil(t, gotorch.Take(a.Grad()), "there is no gradient yet")
	assert.True(t, ours.RequiresGrad())
	torch.NoGrad(func() { ours.FillInPlace(2) })
	a.Sum().Backward() // on GoTorch's side
	assert.Equal(t, float32(2), a.Index(1).Item())
	ours.MulScalar(3).Sum().Backward() // on ours, onto the same gradient
	assert.Equal(t, float32(4), gotorch.Give(ours.Grad()).Index(0).Item())
	again := gotorch.Take(gotorch.Give(ours))
	assert.Equal(t, ours.Storage(), again.Storage())
	ours.Close()
	assert.Equal(t, []float32{2, 2, 2}, again.Float32s())
	again.Close()
	assert.Equal(t, float32(2), a.Index(2).Item())

	var given theirs.Tensor
	torch.Scope(func() { given = gotorch.Give(torch.Full([]int{2}, 5)) })
	assert.Equal(t, float32(5), given.Index(0).Item(), "it outlives the scope")
	assert.Nil(t, gotorch.Take(theirs.Tensor{}))
	assert.Nil(t, gotorch.Give(nil).T)
}

// GoTorch's optimizer trains a layer of ours as ours does.
func TestOursGiven(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(1)
	layer, x := nn.NewLinear(4, 2, torch.CPU), torch.Randn([]int{8, 4})
	twin := nn.Clone(layer)
	opt := theirs.SGD(0.1, 0.9, 0, 0, false)
	var given []theirs.Tensor
	for _, p := range nn.Parameters(layer) {
		given = append(given, gotorch.Give(p))
	}
	opt.AddParameters(given)
	settings := optim.DefaultSGD()
	settings.LR, settings.Momentum = 0.1, 0.9
	own := optim.NewSGD(nn.Parameters(twin), settings)
	for range 3 {
		opt.ZeroGrad()
		layer.Forward(x).Square().Mean().Backward()
		opt.Step()
		own.ZeroGrad()
		twin.Forward(x).Square().Mean().Backward()
		own.Step()
	}
	// One of both multiplies and adds in one operation: a rounding of 1 of 2^-24 for each step.
	assert.InDeltaSlice(t, twin.Weight.Float32s(), layer.Weight.Float32s(), 1e-6)
}

// cnn has what an MLP has not: buffers, layers in a Sequential and a tied weight.
type cnn struct {
	theirnn.Module
	Features    *theirnn.SequentialModule
	Norm        *theirnn.BatchNorm2dModule
	Head, Again *theirnn.LinearModule
}

func newCNN() *cnn {
	initializer.ManualSeed(5)
	n := &cnn{
		Features: theirnn.Sequential(theirnn.Conv2d(1, 4, 3, 1, 1, 1, 1, true, "zeros"), theirnn.Functional(func(x theirs.Tensor) theirs.Tensor { return F.Relu(x, true) })),
		Norm:     theirnn.BatchNorm2d(4, 1e-5, 0.1, true, true),
		Head:     theirnn.Linear(16, 16, false), Again: theirnn.Linear(16, 16, false),
	}
	n.Again.Weight = n.Head.Weight
	n.Init(n)
	return n
}

func (n *cnn) Forward(x theirs.Tensor) theirs.Tensor {
	x = n.Norm.Forward(n.Features.Forward(x).(theirs.Tensor))
	x = F.MaxPool2d(x, []int64{4, 4}, []int64{4, 4}, []int64{0, 0}, []int64{1, 1}, false)
	x = theirs.Flatten(x, 1, -1)
	// What GoTorch lacks can be ours, also inside its networks.
	x = gotorch.Give(gotorch.Take(n.Head.Forward(x)).Gelu("none"))
	return n.Again.Forward(x)
}

func TestModule(t *testing.T) {
	torchtest.NoLeaks(t)
	net := newCNN()
	m := gotorch.NewModule(net, net.Forward)
	var names, buffers []string
	for _, n := range nn.NamedTensors(m) {
		names = append(names, n.Name)
		if n.Buffer {
			buffers = append(buffers, n.Name)
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(net.StateDict())), names)
	assert.Equal(t, []string{"cnn.Norm.RunningMean", "cnn.Norm.RunningVar"}, buffers)
	assert.Len(t, nn.Parameters(m), 5, "a tied weight counts once")

	torch.Scope(func() {
		x := torch.Rand([]int{2, 1, 8, 8})
		mean := func() float32 { return net.Norm.RunningMean.Index(0).Item().(float32) }
		m.Forward(x)
		trained := mean()
		assert.NotZero(t, trained, "networks begin in training mode")
		nn.Evaluating(m, func() {
			m.Forward(x)
			assert.False(t, net.Features.IsTraining())
		})
		assert.Equal(t, trained, mean())
		m.Forward(x)
		assert.NotEqual(t, trained, mean(), "training mode is back")

		// Export traces all of it, the batch being free, and compares with ONNX Runtime.
		check, err := onnx.Export(filepath.Join(t.TempDir(), "cnn.onnx"), m, onnx.Signature{Example: x})
		require.NoError(t, err)
		assert.Less(t, check.Max(), 1e-5)

		var ops []string
		torch.Watch(func() { m.Forward(x) }, func(c torch.WatchedCall) { ops = append(ops, c.Op) })
		assert.Contains(t, ops, "aten::gelu")
		assert.Contains(t, ops, "aten::batch_norm")
	})
}

func TestModuleRefuses(t *testing.T) {
	torchtest.NoLeaks(t)
	net := models.MLP()
	m := gotorch.NewModule(net, net.Forward)
	forward := func(m nn.Module, shape ...int) error {
		return torch.Try(func() { torch.Scope(func() { m.Forward(torch.Zeros(shape)) }) })
	}
	require.NoError(t, forward(m, 2, 784))
	assert.EqualError(t, forward(m, 2, 5), "torch: gotorch: shape '[-1, 784]' is invalid for input of size 10")
	assert.ErrorContains(t, forward(nn.Clone(m), 2, 784), "as after nn.Clone")
	assert.Panics(t, func() {
		broken := gotorch.NewModule(net, func(theirs.Tensor) theirs.Tensor { panic(os.ErrInvalid) })
		_ = forward(broken, 2, 784)
	}, "what is no text passes")
	require.NoError(t, net.SetStateDict(models.MLP().StateDict()))
	assert.ErrorContains(t, forward(m, 2, 784), "MLPModule.FC1.Bias of GoTorch's network was replaced, as SetStateDict does; call NewModule afterwards")
}

// What GoTorch leaves to its finalizers is freed in time, even where Go itself sees no reason to
// collect: without that, these outputs and what they were made of are 500 MB.
func TestMemory(t *testing.T) {
	torchtest.NoLeaks(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	net := models.MLP()
	m := gotorch.NewModule(net, net.Forward)
	x := torch.Zeros([]int{256, 784})
	defer x.Close()
	most := torch.Live()
	before := most
	for range 250 {
		torch.Scope(func() { m.Forward(x) })
		most.Bytes = max(most.Bytes, torch.Live().Bytes)
	}
	assert.Equal(t, before.Tensors, torch.Live().Tensors)
	assert.Less(t, most.Bytes-before.Bytes, int64(200<<20), "128 MB, and what is in use")
}
