// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// A recorded step trains each network with eager's bits, on other inputs in every step.
func TestNetworksReplay(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, spec := range models.All() {
		for _, threads := range []int{1, 2} {
			train := func(recorded bool) (left [][]byte) {
				torch.ManualSeed(1)
				net := spec.New(torch.CPU)
				c := optim.DefaultAdam()
				c.WeightDecay = 1e-4
				o := optim.NewAdam(nn.Parameters(net), c)
				x, y := torch.Zeros([]int{64, spec.In}), torch.Zeros([]int{64, len(spec.Outputs())})
				step := func() []*torch.Tensor {
					o.ZeroGrad()
					loss := spec.Loss(net.Forward(x), y)
					loss.Backward()
					o.Step()
					return []*torch.Tensor{loss.Detach()}
				}
				fill := func() {
					torch.Scope(func() {
						x.CopyInPlace(torch.Randn(x.Shape()))
						y.CopyInPlace(torch.Randn(y.Shape()).Softmax(-1)) // suits every loss
					})
				}
				fill()
				next := func() { torch.Scope(func() { left = append(left, step()[0].Bytes()) }) }
				if recorded {
					r, err := torch.Record(step)
					require.NoError(t, err, spec.Name)
					defer r.Close()
					left = append(left, nil, nil, r.Results()[0].Bytes())
					next = func() {
						require.NoError(t, r.Replay(1))
						left = append(left, r.Results()[0].Bytes())
					}
				} else {
					for range 3 {
						next()
					}
					left[0], left[1] = nil, nil // as Record has them
				}
				for range 57 {
					fill()
					next()
				}
				for _, n := range nn.NamedTensors(net) {
					left = append(left, n.Tensor.Detach().Bytes())
				}
				return left
			}
			torch.Threads(threads, func() {
				assert.True(t, assert.ObjectsAreEqual(train(false), train(true)), "%s, %d threads: other bits", spec.Name, threads)
			})
		}
	}
}
