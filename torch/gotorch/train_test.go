// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build gotorch

package gotorch_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	theirs "github.com/wangkuiyi/gotorch"
	theirnn "github.com/wangkuiyi/gotorch/nn"
	"github.com/wangkuiyi/gotorch/nn/initializer"
	"github.com/wangkuiyi/gotorch/vision/models"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/gotorch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// ours is GoTorch's models.MLP, written with our nn.
type ours struct{ FC1, FC2, FC3 *nn.Linear }

func newOurs() *ours {
	return &ours{nn.NewLinear(784, 512, torch.CPU), nn.NewLinear(512, 512, torch.CPU), nn.NewLinear(512, 10, torch.CPU)}
}

func (m *ours) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.FC1.Forward(x.View(-1, 784)).Tanh()
	return m.FC3.Forward(m.FC2.Forward(x).Tanh()).LogSoftmax(1)
}

// digits makes pictures of which one row is brighter, which says the class.
func digits(t *testing.T, n int) *data.Set {
	torch.ManualSeed(7)
	s := &data.Set{X: torch.Randn([]int{n, 1, 28, 28}), Y: torch.RandInt(0, 10, []int{n}).ToDType(torch.Int64)}
	t.Cleanup(s.Close)
	torch.Scope(func() {
		s.X.View(n, 28, 28).Narrow(1, 0, 10).AddInPlace(s.Y.OneHot(10).Unsqueeze(2))
	})
	return s
}

// fit trains m for three epochs and returns the losses of training and validation.
func fit(t *testing.T, m nn.Module, save string) (losses []float64) {
	train, val := digits(t, 500), digits(t, 100)
	settings := optim.DefaultSGD()
	settings.LR, settings.Momentum = 0.05, 0.9
	run := trainer.Run{Model: m, Loss: nn.NLLLoss, Optimizer: optim.NewSGD(nn.Parameters(m), settings),
		Train: train, Val: val, Epochs: 3, BatchSize: 32, Seed: 1, Threads: 1, Save: save}
	history, err := run.Fit(context.Background())
	require.NoError(t, err)
	for _, e := range history.Epochs {
		losses = append(losses, e.TrainLoss, e.ValLoss)
	}
	require.Less(t, history.Best().ValLoss, 0.7*history.Epochs[0].ValLoss, "it learns")
	return losses
}

// GoTorch's network learns as ours does, and what is saved and exported of it is what other
// programs compute.
func TestTraining(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.ManualSeed(3)
	plain := newOurs()
	initializer.ManualSeed(3)
	net := models.MLP()
	m := gotorch.NewModule(net, net.Forward)
	state := nn.StateDict(plain)
	for _, n := range m.State {
		same := strings.ToLower(strings.TrimPrefix(n.Name, "MLPModule."))
		assert.Equal(t, torchtest.Entry[*torch.Tensor](t, state, same).Float32s(), n.Tensor.Float32s(), "initial values of %s", n.Name)
	}

	dir := t.TempDir()
	want := fit(t, plain, "")
	// The operators are the same, in the same order and with the same number of threads, so
	// the losses are equal to the last bit.
	assert.Equal(t, want, fit(t, m, dir))

	x := digits(t, 20).X
	var y *torch.Tensor
	torch.Scope(func() { torch.NoGrad(func() { y = m.Forward(x).Keep() }) })
	defer y.Close()
	file := filepath.Join(dir, "mlp.onnx")
	check, err := onnx.Export(file, m, onnx.Signature{Input: "pixels", Output: "classes", Example: x})
	require.NoError(t, err)
	assert.Less(t, check.Max(), 1e-5)
	session, err := onnx.Open(file)
	require.NoError(t, err)
	defer session.Close()
	torch.Scope(func() {
		out, err := session.Run(context.Background(), onnx.Feeds{"pixels": x})
		require.NoError(t, err)
		// The terms of 784 products are added in another order: 784 float32 roundings of values of 1.
		assert.InDeltaSlice(t, y.Float32s(), out["classes"].Float32s(), 1e-5)
	})

	require.NoError(t, pt.Save(filepath.Join(dir, "case.pt"), torch.NewDict("x", x, "y", y)))
	var differ struct{ PyTorch, ONNXRuntime float64 }
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/check.py",
		filepath.Join(dir, trainer.ModelFile), file, filepath.Join(dir, "case.pt")), &differ))
	assert.Less(t, differ.PyTorch, 1e-5)
	assert.Less(t, differ.ONNXRuntime, 1e-5)
	t.Log("differences:", differ, check.Max())
}

// deep makes tensors that nothing in Go refers to while GoTorch computes with them, for longer
// than the garbage collector needs to find that out. The system takes back such large ones at
// once, so that reading one that was freed ends in a SIGSEGV.
type deep struct{ theirnn.Module }

func (n *deep) Forward(x theirs.Tensor) theirs.Tensor {
	for range 5 {
		x = theirs.Tanh(x)
	}
	return x
}

// While the garbage collector runs without a break, no tensor is freed that is in use: values and
// losses are the same to the last bit.
func TestUnderTheCollector(t *testing.T) {
	torchtest.NoLeaks(t)
	x := torch.Ones([]int{10 << 20}) // 40 MB
	defer x.Close()
	forward := func() (y float64) {
		net := &deep{}
		net.Init(net)
		torch.NoGrad(func() {
			torch.Scope(func() { y = gotorch.NewModule(net, net.Forward).Forward(x).Sum().Item() })
		})
		return y
	}
	losses := func() []float64 {
		initializer.ManualSeed(3)
		net := models.MLP()
		return fit(t, gotorch.NewModule(net, net.Forward), "")
	}
	wantValue, wantLosses := forward(), losses()
	var collector sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	collector.Go(func() {
		for ctx.Err() == nil {
			runtime.GC()
		}
	})
	defer collector.Wait()
	defer stop()
	for range 3 {
		assert.Equal(t, wantValue, forward())
		assert.Equal(t, wantLosses, losses())
	}
}
