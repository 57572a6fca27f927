// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

type inOrder int

func (n inOrder) Order(uint64, int) []int { return numbers(0, int(n)) }

// A plain batch norm has in a group what PyTorch's DistributedDataParallel gives it: means of each
// process's part, and the buffers of rank 0. To 1e-6 of the largest value, after 12 steps of Adam.
func TestGroupNormsAsPyTorch(t *testing.T) {
	torchtest.Need(t)
	port, python := torchtest.FreePort(t), [2]bytes.Buffer{}
	var running []*torchtest.Process
	for rank := range python {
		cmd := exec.Command(torchtest.Python(t), "../torch/dist/testdata/ddp.py", "norm")
		cmd.Env = append(os.Environ(), fmt.Sprint("RANK=", rank), "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", fmt.Sprint("MASTER_PORT=", port))
		cmd.Stdout = &python[rank]
		running = append(running, torchtest.Start(t, cmd, nil))
	}

	const steps, batch = 12, 30 // those of ddp.py
	var losses, state [2][]float64
	together(t, 2, func(rank int, g *dist.Group) {
		torch.Scope(func() {
			d := torch.CPU
			net := nn.NewSequential(nn.NewLinear(8, 16, d, nn.LinearConfig{NoBias: true}), nn.NewBatchNorm1d(16, d), nn.Tanh{}, nn.NewLinear(16, 4, d))
			torch.NoGrad(func() {
				for salt, p := range nn.Parameters(net) {
					p.CopyInPlace(torchtest.Ramp(salt+rank, p.Shape()...).MulScalar(0.5))
				}
			})
			// PyTorch's ranks have the halves of a batch, and a group's every second sample.
			samples := func(salt, width int) *torch.Tensor {
				var all []*torch.Tensor
				for step := range steps {
					all = append(all, torchtest.Ramp(salt+step, batch, width).Reshape(2, batch/2, width).Transpose(0, 1).Reshape(batch, width))
				}
				return torch.Cat(all, 0)
			}
			c := optim.DefaultAdam()
			c.LR = 1e-2
			_, err := Run{
				Model: net, Loss: nn.MSELoss, Optimizer: optim.NewAdam(nn.Parameters(net), c), Group: g,
				Train: &data.Set{X: samples(100, 8), Y: samples(200, 4)}, Sampler: inOrder(steps * batch),
				Epochs: 1, BatchSize: batch, Threads: 1, KeepLast: true,
				OnBatch: func(_, _ int, r Result) error {
					losses[rank] = append(losses[rank], r.Loss.Item())
					return nil
				},
			}.Fit(context.Background())
			assert.NoError(t, err)
			for _, n := range nn.NamedTensors(net) {
				state[rank] = append(state[rank], n.Tensor.Detach().Float64s()...)
			}
		})
	})
	var first struct{ Losses, State []float64 } // of rank 0, whose buffers all have at the end
	for rank := range python {
		require.Equal(t, 0, running[rank].End(), running[rank].Said())
		if rank == 0 {
			require.NoError(t, json.Unmarshal(python[rank].Bytes(), &first))
		}
		assert.InDeltaSlice(t, first.State, state[rank], 1e-6)
	}
	for i, loss := range first.Losses {
		assert.InDelta(t, loss, (losses[0][i]+losses[1][i])/2, 1e-6)
	}
	require.NotEqual(t, losses[0], losses[1])
}
