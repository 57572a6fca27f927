// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package e2e

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// soakSteps is how long the soak lasts; memory is compared with what it was after
// the first twentieth, when every cache is warm.
func soakSteps() int {
	if testing.Short() {
		return 400
	}
	return 20_000
}

// narrow has the layers of EmotionRecognizer at an eighth of their width: what a step
// allocates and frees is the same, and what it computes takes little time.
type narrow struct {
	FC1, FC2 *nn.Linear
	LSTM     *nn.LSTM
	FC3      *nn.Linear
}

func (m *narrow) Forward(x *torch.Tensor) *torch.Tensor {
	h := m.FC2.Forward(m.FC1.Forward(x).Tanh()).Tanh()
	return m.FC3.Forward(m.LSTM.Step(h)).Tanh()
}

// trainSteps trains a network on random data, 8 samples 8 times each in a batch, and
// calls at before each step. An activation of the first layer has 16 KiB.
func trainSteps(t *testing.T, n int, at func(step int)) (first, last float64) {
	var model *narrow
	torch.Unscoped(func() {
		model = &narrow{
			nn.NewLinear(128, 64, torch.CPU), nn.NewLinear(64, 32, torch.CPU),
			nn.NewLSTM(32, 16, torch.CPU, nn.LSTMConfig{BatchFirst: true}), nn.NewLinear(16, 64, torch.CPU),
		}
	})
	settings := optim.DefaultAdam()
	settings.WeightDecay = 1e-4
	adam := optim.NewAdam(nn.Parameters(model), settings)
	torch.Scope(func() {
		repeated := func(x *torch.Tensor) *torch.Tensor { return torch.Call("aten::repeat", x, []int{8, 1}).Tensor() }
		x, y := repeated(torch.Randn([]int{8, 128})), repeated(torch.Rand([]int{8, 64}))
		for step := range n {
			at(step)
			torch.Scope(func() {
				adam.ZeroGrad()
				loss := nn.MSELoss(model.Forward(x), y)
				loss.Backward()
				adam.Step()
				if step == 0 {
					first = loss.Item()
				} else if step == n-1 {
					last = loss.Item()
				}
			})
		}
	})
	for _, p := range nn.Parameters(model) {
		p.Close()
	}
	return first, last
}

// A long training with the garbage collector running all the while: tensors and
// bytes stay exactly where they were, and resident memory does not grow.
func TestSoakUnderGC(t *testing.T) {
	torchtest.Need(t)
	defer torchtest.CollectGarbage(t)()
	torch.Threads(1, func() {
		n := soakSteps()
		var warm, end torch.Counts
		var warmRSS, endRSS int
		first, last := trainSteps(t, n, func(step int) {
			switch step {
			case n / 20:
				warm, warmRSS = torch.Live(), torchtest.ResidentKiB(t)
			case n - 1:
				end, endRSS = torch.Live(), torchtest.ResidentKiB(t)
			}
		})
		t.Logf("step %d: %d tensors, %d bytes, %d KiB resident; step %d: %d tensors, %d bytes, %d KiB resident; loss %.4g to %.4g",
			n/20, warm.Tensors, warm.Bytes, warmRSS, n, end.Tensors, end.Bytes, endRSS, first, last)
		assert.Equal(t, warm.Tensors, end.Tensors)
		assert.Equal(t, warm.Bytes, end.Bytes)
		// A leak of one activation a step, 16 KiB, would be 300 MiB by now.
		assert.Less(t, endRSS-warmRSS, 32<<10, "resident memory grew")
		assert.Less(t, last, first/100)
	})
}

// The same with eight goroutines training at once.
func TestSoakEightAtOnce(t *testing.T) {
	torchtest.NoLeaks(t)
	defer torchtest.CollectGarbage(t)()
	n := soakSteps() / 8
	var warmRSS, endRSS atomic.Int64
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			torch.Threads(1, func() {
				first, last := trainSteps(t, n, func(step int) {
					if worker == 0 && step == n/5 {
						warmRSS.Store(int64(torchtest.ResidentKiB(t)))
					} else if worker == 0 && step == n-1 {
						endRSS.Store(int64(torchtest.ResidentKiB(t)))
					}
				})
				assert.Less(t, last, first/5)
			})
		})
	}
	wg.Wait()
	t.Logf("8 × %d steps: %d KiB resident at step %d, %d KiB at the end", n, warmRSS.Load(), n/5, endRSS.Load())
	assert.Less(t, endRSS.Load()-warmRSS.Load(), int64(64<<10), "resident memory grew")
}
