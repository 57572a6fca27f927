// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

type summed struct {
	Table   *nn.Embedding
	RNN     *nn.LSTM
	Drop    *nn.Dropout
	Encoder *nn.TransformerEncoderLayer
	Head    nn.Sequential
}

func (m *summed) Forward(x *torch.Tensor) *torch.Tensor {
	return m.Head.Forward(m.Encoder.Forward(m.Drop.Forward(m.RNN.Forward(m.Table.Forward(x)))))
}

func TestSummary(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		config := nn.DefaultTransformer()
		config.Feedforward, config.BatchFirst = 5, true
		m := &summed{nn.NewEmbedding(7, 3, torch.CPU), nn.NewLSTM(3, 4, torch.CPU, nn.LSTMConfig{BatchFirst: true}), nn.NewDropout(0.5),
			nn.NewTransformerEncoderLayer(4, 2, torch.CPU, config), nn.NewSequential(nn.NewLinear(4, 2, torch.CPU), nn.ReLU{})}
		nn.Freeze(m, "table")
		x := torch.FromSlice([]int64{1, 2, 3, 4, 5, 6}, 2, 3)
		assert.Equal(t, `Layer                     Type                        Output   Parameters
Table                     nn.Embedding                [2 3 3]          21
RNN                       nn.LSTM                     [2 3 4]         144
Drop                      nn.Dropout
Encoder                   nn.TransformerEncoderLayer
Encoder.SelfAttn          nn.MultiheadAttention                        60
Encoder.SelfAttn.OutProj  nn.Linear                   [3 2 4]          20
Encoder.Linear1           nn.Linear                   [2 3 5]          25
Encoder.Linear2           nn.Linear                   [2 3 4]          24
Encoder.Norm1             nn.LayerNorm                [2 3 4]           8
Encoder.Norm2             nn.LayerNorm                [2 3 4]           8
Encoder.Activation        nn.ReLU                     [2 3 5]
Encoder.Dropout           nn.Dropout
Head.0                    nn.Linear                   [2 3 2]          10
Head.1                    nn.ReLU                     [2 3 2]
(all)                     nn_test.summed              [2 3 2]         320
299 parameters are trained, 21 are not.
`, nn.Summary(m, x))
		head := m.Head[0]
		assert.IsType(t, &nn.Linear{}, head)
		assert.True(t, m.Drop.Training)
		assert.Contains(t, nn.SummaryOf(m, func() { m.Head.Forward(torch.Ones([]int{5, 4})) }), "[5 2]")
		for _, p := range nn.Parameters(m) {
			p.Close()
		}
	})
}
