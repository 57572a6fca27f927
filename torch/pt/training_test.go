// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt_test

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// network is that of testdata/training.py.
type network struct{ FC1, FC2 *nn.Linear }

func (n *network) Forward(x *torch.Tensor) *torch.Tensor {
	return n.FC2.Forward(n.FC1.Forward(x).Tanh())
}

// continued are the optimizers of testdata/training.py, with settings of their
// own: the checkpoint's count.
var continued = map[string]func(n *network) optim.Optimizer{
	"sgd":        newSGD,
	"sgd_plain":  newSGD,
	"adam":       newAdam(optim.NewAdam, optim.DefaultAdam()),
	"adam_plain": newAdam(optim.NewAdam, optim.DefaultAdam()),
	"amsgrad":    newAdam(optim.NewAdam, optim.DefaultAdam()),
	"adamw":      newAdam(optim.NewAdamW, optim.DefaultAdamW()),
}

func newSGD(n *network) optim.Optimizer {
	s := optim.NewSGD(nn.Parameters(n.FC1), optim.DefaultSGD())
	s.AddGroup(nn.Parameters(n.FC2), optim.DefaultSGD())
	return s
}

func newAdam(kind func([]*torch.Tensor, optim.AdamConfig) *optim.Adam, c optim.AdamConfig) func(n *network) optim.Optimizer {
	return func(n *network) optim.Optimizer {
		a := kind(nn.Parameters(n.FC1), c)
		a.AddGroup(nn.Parameters(n.FC2), c)
		return a
	}
}

// run is a network in training.
type run struct {
	net      *network
	opt      optim.Optimizer
	schedule *optim.StepLR
	x, y     *torch.Tensor
}

func value[T any](t *testing.T, d *torch.Dict, key string) T {
	t.Helper()
	v, err := torch.Value[T](d, key)
	require.NoError(t, err)
	return v
}

func resume(t *testing.T, name string, checkpoint *torch.Dict) *run {
	t.Helper()
	n := &network{nn.NewLinear(3, 4, torch.CPU), nn.NewLinear(4, 1, torch.CPU)}
	require.NoError(t, nn.LoadStateDict(n, value[*torch.Dict](t, checkpoint, "model")))
	o := continued[name](n)
	require.NoError(t, o.LoadStateDict(value[*torch.Dict](t, checkpoint, "optimizer")))
	s := optim.NewStepLR(o, optim.DefaultStepLR(1))
	require.NoError(t, s.LoadStateDict(value[*torch.Dict](t, checkpoint, "schedule")))
	return &run{n, o, s, value[*torch.Tensor](t, checkpoint, "x"), value[*torch.Tensor](t, checkpoint, "y")}
}

func (r *run) train(steps int) {
	for range steps {
		torch.Scope(func() {
			r.opt.ZeroGrad()
			nn.MSELoss(r.net.Forward(r.x), r.y).Backward()
			r.opt.Step()
			r.schedule.Step(0)
		})
	}
}

// farthest is the largest difference of parameters.
func farthest(t *testing.T, want, have *torch.Dict) (worst float64) {
	t.Helper()
	require.Equal(t, want.Keys(), have.Keys())
	for k, v := range want.All() {
		a, b := v.(*torch.Tensor).Float64s(), value[*torch.Tensor](t, have, k.(string)).Float64s()
		require.Len(t, b, len(a))
		for i := range a {
			worst = max(worst, math.Abs(a[i]-b[i]))
		}
	}
	return worst
}

// tolerance bounds what three steps differ by when another machine, or another
// kernel, computes them: parameters are around 0.5, where float32 numbers are 6e-8
// apart, and each step rounds them once.
const tolerance = 2e-7

// A checkpoint of a Python script, with numpy's numbers, two groups and a
// scheduler, is continued here as there.
func TestContinuesPythonsTraining(t *testing.T) {
	torchtest.Need(t)
	for name := range continued {
		file, err := pt.LoadDict(filepath.Join("testdata", "training_"+name+".pt"))
		require.NoError(t, err)
		checkpoint := value[*torch.Dict](t, file, "before")
		assert.Equal(t, 3, value[int](t, checkpoint, "epoch"))
		loss := value[float64](t, checkpoint, "loss")
		assert.InDelta(t, loss, torch.ToSlice[float64](value[*torch.Tensor](t, checkpoint, "losses"))[1], 1e-7)
		r := resume(t, name, checkpoint)
		r.train(3)
		worst := farthest(t, value[*torch.Dict](t, file, "after"), nn.StateDict(r.net))
		t.Logf("%s: %g", name, worst)
		assert.LessOrEqual(t, worst, tolerance, name)
	}
}

// The other way round: what was read and is written by us is continued by the
// script to the same end as by us, bit for bit where both use the fused kernels of
// one machine.
func TestPythonContinuesOurs(t *testing.T) {
	torchtest.Need(t)
	torchtest.Python(t)
	before := torch.NumThreads()
	torch.SetNumThreads(1) // as in the script
	defer torch.SetNumThreads(before)
	dir := t.TempDir()
	args := []string{"continue"}
	var names []string
	var after []*torch.Dict
	for name := range continued {
		file, err := pt.LoadDict(filepath.Join("testdata", "training_"+name+".pt"))
		require.NoError(t, err)
		r := resume(t, name, value[*torch.Dict](t, file, "before"))
		path := filepath.Join(dir, name+".pt")
		require.NoError(t, pt.Save(path, torch.NewDict("name", name, "model", nn.StateDict(r.net),
			"optimizer", r.opt.StateDict(), "schedule", r.schedule.StateDict())))
		r.train(3)
		args, names, after = append(args, path), append(names, name), append(after, nn.StateDict(r.net))
	}
	out := json.NewDecoder(bytes.NewReader(torchtest.RunPython(t, "testdata/training.py", args...)))
	for i, name := range names {
		allowed := 0.0
		if strings.HasSuffix(name, "_plain") { // not fused in Python
			allowed = tolerance
		}
		var parameters map[string][]float64
		require.NoError(t, out.Decode(&parameters))
		require.Len(t, parameters, after[i].Len())
		for k, v := range after[i].All() {
			assert.InDeltaSlice(t, v.(*torch.Tensor).Float64s(), parameters[k.(string)], allowed, "%s, %s", name, k)
		}
	}
}
