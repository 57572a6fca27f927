// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// notRecorded are the modules of the case file that torch.Record refuses, with the reason.
var notRecorded = map[string]string{
	"GaussianNLLLoss":            "the host reads a value of a tensor (aten::_local_scalar_dense)", // to refuse a negative variance
	"AdaptiveLogSoftmaxWithLoss": "the host reads the values of a tensor",                          // which clusters there are
	"CTCLoss":                    "the shape of what aten::_ctc_loss returns depends on values",
	"GRU":                        "the host reads the values of a tensor", // the lengths of packed sequences
	"RNN":                        "the host reads the values of a tensor",
}

// Every module of the case file is trained with the same bits by a recorded step as by
// an eager one.
func TestModulesReplay(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	torchtest.NoLeaks(t)
	file, err := pt.LoadDict("testdata/modules.pt")
	require.NoError(t, err)
	cases := torchtest.Entry[[]any](t, file, "cases")
	defer walkValues(cases, func(v any) {
		if x, ok := v.(*torch.Tensor); ok {
			x.Close()
		}
	})
	for i, c := range cases {
		d := c.(*torch.Dict)
		name := torchtest.Entry[string](t, d, "module")
		t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
			torch.Scope(func() {
				eager, err := trainModule(t, name, d, false)
				require.NoError(t, err)
				recorded, err := trainModule(t, name, d, true)
				if why, ok := notRecorded[name]; ok && errors.Is(err, torch.ErrRefused) {
					assert.ErrorContains(t, err, why)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, eager, recorded)
			})
		})
	}
}

// trainModule returns what the steps of a case leave behind: six on its inputs.
func trainModule(t *testing.T, name string, d *torch.Dict, recorded bool) (left [][]byte, err error) {
	dtype, err := torch.ParseDType(torchtest.Entry[string](t, d, "dtype"))
	require.NoError(t, err)
	c := moduleCase{t, torchtest.List(torchtest.Entry[any](t, d, "args")), torchtest.Entry[*torch.Dict](t, d, "kwargs"), dtype}
	module := modules[name](c)
	require.NoError(t, nn.LoadStateDict(module, torchtest.Entry[*torch.Dict](t, d, "state")))
	nn.SetTraining(module, torchtest.Entry[bool](t, d, "training"))
	inputs, named := torchtest.List(torchtest.Entry[any](t, d, "inputs")), torchtest.Entry[*torch.Dict](t, d, "named")
	cotangents := torchtest.List(torchtest.Entry[any](t, d, "cotangents"))
	params := nn.Parameters(module)
	step := func() []*torch.Tensor {
		torch.ZeroGrad(params)
		outputs := forward(c, module, inputs, named)
		var roots []*torch.Tensor
		for i, y := range outputs {
			if g, ok := cotangents[i].(*torch.Tensor); ok && y.RequiresGrad() {
				roots = append(roots, y.Mul(g).Sum())
			}
			outputs[i] = y.Detach()
		}
		if roots != nil {
			torch.Stack(roots, 0).Sum().Backward()
		}
		torch.NoGrad(func() {
			for _, p := range params {
				if g := p.Grad(); g != nil {
					p.AddScaledInPlace(g, -1e-3)
				}
			}
		})
		return outputs
	}
	torch.ManualSeed(uint64(torchtest.Entry[int](t, d, "seed")))
	var results []*torch.Tensor
	if recorded {
		r, err := torch.Record(step)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		if err := r.Replay(3); err != nil {
			return nil, err
		}
		results = r.Results()
	} else {
		for range 6 {
			results = step()
		}
	}
	for _, n := range nn.NamedTensors(module) {
		results = append(results, n.Tensor)
	}
	for _, x := range append(results, torch.RNGState(torch.CPU)) {
		left = append(left, x.Detach().Bytes())
	}
	return left, nil
}
