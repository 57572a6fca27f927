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

func TestPackAndPad(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		for _, batchFirst := range []bool{false, true} {
			rows := []*torch.Tensor{torchtest.Ramp(1, 2, 3), torchtest.Ramp(2, 5, 3), torchtest.Ramp(3, 3, 3)}
			x := nn.PadSequence(rows, batchFirst, 0.5)
			p := nn.PackPadded(x, []int{2, 5, 3}, batchFirst)
			assert.Equal(t, []int64{3, 3, 2, 1, 1}, torch.ToSlice[int64](p.BatchSizes))
			assert.Equal(t, []int64{1, 2, 0}, torch.ToSlice[int64](p.Sorted))
			assert.Equal(t, []int64{2, 0, 1}, torch.ToSlice[int64](p.Unsorted))
			assert.Equal(t, rows[1].Select(0, 0).Float64s(), p.Data.Select(0, 0).Float64s())
			padded, lengths := nn.PadPacked(p, batchFirst, 0.5, 0)
			assert.Equal(t, x.Float64s(), padded.Float64s())
			assert.Equal(t, []int{2, 5, 3}, lengths)
			longer, _ := nn.PadPacked(p, true, 0, 7)
			assert.Equal(t, []int{3, 7, 3}, longer.Shape())

			sorted := nn.PackPadded(x, []int{5, 5, 1}, batchFirst)
			assert.Nil(t, sorted.Sorted)
			_, lengths = nn.PadPacked(sorted, batchFirst, 0, 0)
			assert.Equal(t, []int{5, 5, 1}, lengths)
		}
	})
}

// A packed sequence gives what each of its sequences gives alone.
func TestForwardPacked(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		c := nn.RecurrentConfig{Layers: 2, Bidirectional: true, BatchFirst: true}
		lengths := []int{2, 5, 3}
		x, h := torchtest.Ramp(1, 3, 5, 4), torchtest.Ramp(2, 4, 3, 6)
		p := nn.PackPadded(x, lengths, true)
		rnn, gru, lstm := nn.NewRNN(4, 6, torch.CPU, c), nn.NewGRU(4, 6, torch.CPU, c), nn.NewLSTM(4, 6, torch.CPU, c)
		for _, l := range []struct {
			packed func() (*nn.PackedSequence, *torch.Tensor)
			alone  func(x, h *torch.Tensor) (y, hn *torch.Tensor)
		}{
			{func() (*nn.PackedSequence, *torch.Tensor) { return rnn.ForwardPacked(p, h) }, rnn.ForwardState},
			{func() (*nn.PackedSequence, *torch.Tensor) { return gru.ForwardPacked(p, h) }, gru.ForwardState},
			{func() (*nn.PackedSequence, *torch.Tensor) {
				y, hn, _ := lstm.ForwardPacked(p, h, h)
				return y, hn
			}, func(x, h *torch.Tensor) (y, hn *torch.Tensor) {
				y, hn, _ = lstm.ForwardState(x, h, h)
				return y, hn
			}},
		} {
			y, hn := l.packed()
			padded, _ := nn.PadPacked(y, true, 0, 0)
			for i, n := range lengths {
				want, wantH := l.alone(x.Select(0, i).Narrow(0, 0, n), h.Select(1, i))
				near(t, want, padded.Select(0, i).Narrow(0, 0, n))
				near(t, wantH, hn.Select(1, i))
			}
		}
		for _, p := range nn.Parameters([]any{rnn, gru, lstm}) {
			p.Close()
		}
	})
}

func TestRecurrentRefuses(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		gru, x := nn.NewGRU(3, 4, torch.CPU), torch.Ones([]int{5, 2, 3})
		lstm, cell := nn.NewLSTM(3, 4, torch.CPU, nn.LSTMConfig{Projection: 2}), nn.NewLSTMCell(3, 4, torch.CPU)
		packed := nn.PackPadded(x, []int{5, 3}, false)
		state := func(shape ...int) *torch.Tensor { return torch.Zeros(shape) }
		for _, c := range []struct {
			want string
			call func()
		}{
			{"Projection is 2", func() { nn.NewGRU(3, 4, torch.CPU, nn.RecurrentConfig{Projection: 2}) }},
			{"Projection is 4", func() { nn.NewLSTM(3, 4, torch.CPU, nn.RecurrentConfig{Projection: 4}) }},
			{`Nonlinearity is "relu"`, func() { nn.NewGRU(3, 4, torch.CPU, nn.RecurrentConfig{Nonlinearity: "relu"}) }},
			{`Nonlinearity is "relu"`, func() { nn.NewGRUCell(3, 4, torch.CPU, nn.RecurrentCellConfig{Nonlinearity: "relu"}) }},
			{`Nonlinearity is "selu"`, func() { nn.NewRNN(3, 4, torch.CPU, nn.RecurrentConfig{Nonlinearity: "selu"}) }},
			{"hidden is 0", func() { nn.NewRNNCell(3, 0, torch.CPU) }},
			{"[steps, batch, 3] or [steps, 3]", func() { gru.Forward(torch.Ones([]int{5, 2, 4})) }},
			{"the state h must have the shape [1 2 4]", func() { gru.ForwardState(x, state(2, 4)) }},
			{"the state h must have the shape [1 2 2]", func() { lstm.ForwardState(x, state(1, 2, 4), state(1, 2, 4)) }},
			{"the state c must have the shape [1 2 4]", func() { lstm.ForwardState(x, state(1, 2, 2), state(1, 2, 2)) }},
			{"packed data must have the shape [elements, 3]", func() { gru.ForwardPacked(&nn.PackedSequence{Data: x, BatchSizes: packed.BatchSizes}, nil) }},
			{"the state h must have the shape [1 2 4]", func() { gru.ForwardPacked(packed, state(1, 3, 4)) }},
			{"one of the states h and c is nil", func() { cell.Forward(x.Select(0, 0), nil, state(2, 4)) }},
			{"[batch, 3] or [3]", func() { cell.Forward(x, nil, nil) }},
			{"the state c must have the shape [2 4]", func() { cell.Forward(x.Select(0, 0), state(2, 4), state(2, 3)) }},
			{"a length for each sequence", func() { nn.PackPadded(x, []int{5}, false) }},
			{"a length for each sequence", func() { nn.PackPadded(x, []int{5, 6}, false) }},
			{"a length for each sequence", func() { nn.PackPadded(x, []int{5, 0}, false) }},
			{"the longest sequence has 5 steps, more than 4", func() { nn.PadPacked(packed, false, 0, 4) }},
			{`the mode is "min"`, func() { nn.NewEmbeddingBag(3, 4, torch.CPU, nn.EmbeddingBagConfig{Mode: "min"}) }},
			{"MaxNorm is -1", func() { nn.NewEmbedding(3, 4, torch.CPU, nn.EmbeddingConfig{MaxNorm: -1}) }},
			{"or [m] with offsets", func() { nn.NewEmbeddingBag(3, 4, torch.CPU).Forward(torch.FromSlice([]int64{1})) }},
			{"must have the shape of the indices", func() {
				nn.NewEmbeddingBag(3, 4, torch.CPU).ForwardBags(torch.FromSlice([]int64{1}, 1, 1), nil, state(1))
			}},
		} {
			assert.ErrorContains(t, torch.Try(c.call), c.want)
		}
	})
}
