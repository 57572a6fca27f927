// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

var (
	opSum       = &op{name: "aten::sum"}
	opSumDim    = &op{name: "aten::sum", overload: "dim_IntList"}
	opMean      = &op{name: "aten::mean"}
	opMeanDim   = &op{name: "aten::mean", overload: "dim"}
	opStd       = &op{name: "aten::std", overload: "correction"}
	opVar       = &op{name: "aten::var", overload: "correction"}
	opMax       = &op{name: "aten::max"}
	opMin       = &op{name: "aten::min"}
	opArgmax    = &op{name: "aten::argmax"}
	opTopk      = &op{name: "aten::topk"}
	opCumsum    = &op{name: "aten::cumsum"}
	opNorm      = &op{name: "aten::linalg_vector_norm"}
	opMSE       = &op{name: "aten::mse_loss"}
	opL1        = &op{name: "aten::l1_loss"}
	opHuber     = &op{name: "aten::huber_loss"}
	opBCE       = &op{name: "aten::binary_cross_entropy"}
	opBCELogits = &op{name: "aten::binary_cross_entropy_with_logits"}
	opKLDiv     = &op{name: "aten::kl_div"}
	opCE        = &op{name: "aten::cross_entropy_loss"}
	opDropout   = &op{name: "aten::dropout"}
	opLayerNorm = &op{name: "aten::layer_norm"}
	opEmbedding = &op{name: "aten::embedding"}
	opLSTM      = &op{name: "aten::lstm", overload: "input"}
)

// Sum returns the sum over dims, or over all of them when none is named.
func (t *Tensor) Sum(dims ...int) *Tensor {
	if len(dims) == 0 {
		return opSum.on(t).none().one()
	}
	return opSumDim.on(t).ints(dims...).bool(false).none().one()
}

// Mean returns the mean over dims, or over all of them when none is named.
func (t *Tensor) Mean(dims ...int) *Tensor {
	if len(dims) == 0 {
		return opMean.on(t).none().one()
	}
	return opMeanDim.on(t).ints(dims...).bool(false).none().one()
}

// Std returns the standard deviation over dims, or over all; correction 1 is the
// sample's, 0 the population's.
func (t *Tensor) Std(correction float64, dims ...int) *Tensor {
	return opStd.on(t).dims(dims).double(correction).bool(false).one()
}

// Var returns the variance; see Std.
func (t *Tensor) Var(correction float64, dims ...int) *Tensor {
	return opVar.on(t).dims(dims).double(correction).bool(false).one()
}

func (a args) dims(dims []int) args {
	if len(dims) == 0 {
		return a.none()
	}
	return a.ints(dims...)
}

// Max returns the largest element.
func (t *Tensor) Max() *Tensor { return opMax.on(t).one() }

// Min returns the smallest element.
func (t *Tensor) Min() *Tensor { return opMin.on(t).one() }

// Argmax returns the index of the largest element along dim, as int64.
func (t *Tensor) Argmax(dim int) *Tensor { return opArgmax.on(t).int(dim).bool(false).one() }

// Topk returns the k largest elements along dim and their indices.
func (t *Tensor) Topk(k, dim int) (values, indices *Tensor) {
	return opTopk.on(t).int(k).int(dim).bool(true).bool(true).two()
}

// Cumsum returns the running sum along dim.
func (t *Tensor) Cumsum(dim int) *Tensor { return opCumsum.on(t).int(dim).none().one() }

// Norm returns the vector norm of the given order over dims, or over all.
func (t *Tensor) Norm(order float64, dims ...int) *Tensor {
	return opNorm.on(t).double(order).dims(dims).bool(false).none().one()
}

// Reduction says what a loss does with the losses of the elements.
type Reduction int

// The reductions, by libtorch's numbers less a shift that makes the mean, PyTorch's
// default, the zero value.
const (
	ReduceMean Reduction = iota
	ReduceSum
	ReduceNone
)

func (a args) reduction(r Reduction) args {
	code, ok := map[Reduction]int{ReduceNone: 0, ReduceMean: 1, ReduceSum: 2}[r]
	if !ok {
		a.refuse("there is no reduction %d", r)
	}
	return a.int(code)
}

// MSELoss returns (input - target)², reduced.
func MSELoss(input, target *Tensor, r Reduction) *Tensor {
	return opMSE.on(input, target).reduction(r).one()
}

// L1Loss returns |input - target|, reduced.
func L1Loss(input, target *Tensor, r Reduction) *Tensor {
	return opL1.on(input, target).reduction(r).one()
}

// HuberLoss is quadratic up to delta and linear beyond, reduced.
func HuberLoss(input, target *Tensor, r Reduction, delta float64) *Tensor {
	return opHuber.on(input, target).reduction(r).double(delta).one()
}

// BCELoss returns the binary cross entropy of probabilities, reduced; logarithms
// are clamped at -100. weight may be nil.
func BCELoss(input, target, weight *Tensor, r Reduction) *Tensor {
	return opBCE.on(input, target).optional(weight).reduction(r).one()
}

// BCEWithLogitsLoss is BCELoss of the sigmoid of input. weight and posWeight may be nil.
func BCEWithLogitsLoss(input, target, weight, posWeight *Tensor, r Reduction) *Tensor {
	return opBCELogits.on(input, target).optional(weight).optional(posWeight).reduction(r).one()
}

// KLDivLoss returns target·(log target - input), input being log-probabilities,
// reduced over all elements; logTarget says that target is logarithms as well.
func KLDivLoss(input, target *Tensor, r Reduction, logTarget bool) *Tensor {
	return opKLDiv.on(input, target).reduction(r).bool(logTarget).one()
}

// CrossEntropyLoss takes logits [N, C, …] and classes [N, …] of int64, or
// probabilities of the logits' shape. weight [C] may be nil; targets equal to
// ignoreIndex (PyTorch's default is -100) do not count.
func CrossEntropyLoss(input, target, weight *Tensor, r Reduction, ignoreIndex int, labelSmoothing float64) *Tensor {
	return opCE.on(input, target).optional(weight).reduction(r).int(ignoreIndex).double(labelSmoothing).one()
}

// Dropout zeroes elements with probability p and scales the others by 1/(1-p),
// when train is set.
func Dropout(x *Tensor, p float64, train bool) *Tensor {
	return opDropout.on(x).double(p).bool(train).one()
}

// LayerNorm normalises over the last dimensions, of sizes shape. weight and bias
// may be nil.
func LayerNorm(x *Tensor, shape []int, weight, bias *Tensor, eps float64) *Tensor {
	return opLayerNorm.on(x).ints(shape...).optional(weight).optional(bias).double(eps).bool(true).one()
}

// Embedding returns the rows of weight that indices, of int64, name. The row
// paddingIdx gets no gradient; -1 for none.
func Embedding(weight, indices *Tensor, paddingIdx int) *Tensor {
	return opEmbedding.on(weight, indices).int(paddingIdx).bool(false).bool(false).one()
}

// LSTMOptions are those of LSTM; see torch.nn.LSTM.
type LSTMOptions struct {
	Bias          bool
	Layers        int
	Dropout       float64
	Train         bool
	Bidirectional bool
	BatchFirst    bool
}

// LSTM runs x through the layers whose weights params hold in PyTorch's order,
// from the state h0, c0 [layers·directions, batch, hidden]. It returns the output
// of the last layer and the final state.
func LSTM(x, h0, c0 *Tensor, params []*Tensor, o LSTMOptions) (output, hn, cn *Tensor) {
	return opLSTM.on(x).tensors([]*Tensor{h0, c0}).tensors(params).bool(o.Bias).int(o.Layers).
		double(o.Dropout).bool(o.Train).bool(o.Bidirectional).bool(o.BatchFirst).three()
}
