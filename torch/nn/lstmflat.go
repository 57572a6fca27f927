// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// cudnnLSTM is CUDNN_LSTM of cudnnRNNMode_t.
const cudnnLSTM = 2

// flatten moves the weights into one block of memory, in the order in which cuDNN
// wants them, as torch.nn.LSTM.flatten_parameters does: else it copies them into one
// at every call over several steps, and warns of that. They stay the same tensors. It
// does nothing for weights that cuDNN cannot use: those on the CPU, or of other types.
func (l *LSTM) flatten() {
	if !torch.Call("aten::cudnn_is_acceptable", l.Weights[0]).Bool() {
		return
	}
	// Where cuDNN fails, the weights stay as they are, which works as well. It fails
	// again, with an error, where it is needed.
	_ = torch.Try(l.flattenForCuDNN)
}

func (l *LSTM) flattenForCuDNN() {
	torch.NoGrad(func() {
		torch.Scope(func() {
			const projection = 0
			torch.Call("aten::_cudnn_rnn_flatten_weight", l.Weights, l.perDirection(), l.In, cudnnLSTM,
				l.Hidden, projection, l.Layers, l.BatchFirst, l.Bidirectional)
		})
	})
}
