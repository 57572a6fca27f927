// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"reflect"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// BatchNorm is y = (x - mean)/√(var + Eps)·weight + bias with the mean and the variance
// of each channel over the batch and all places. In evaluation these are the running
// ones, which training moves towards those of each batch:
//
//	running = (1 - Momentum)·running + Momentum·batch
//
// where the batch's variance is the unbiased one. From "Batch normalization: accelerating
// deep network training by reducing internal covariate shift", Ioffe and Szegedy, 2015.
//
// Shape: [N, features] or [N, features, L] for BatchNorm1d, [N, features, H, W] for
// BatchNorm2d and [N, features, D, H, W] for BatchNorm3d, to the same.
//
// Parameters, in order: weight [features], of ones, and bias [features], of zeros.
// Buffers: running_mean [features], of zeros, running_var [features], of ones, and
// num_batches_tracked [], int64, 0.
type BatchNorm struct {
	Dims     int      // of space: 1, 2 or 3
	Eps      float64  // added to the variance
	Momentum *float64 // nil for the mean of all batches so far, for whose number the host waits
	Training bool

	// Gather returns t of all processes that train together, [processes, …], and sums up its
	// gradients over them. Mean and variance are then those of the batches of all of them in
	// training; one without samples takes part with an empty batch. nil for a batch of one
	// process. dist.ConvertSyncBatchNorm and Run.SyncBatchNorm of package trainer set it.
	Gather func(t *torch.Tensor) *torch.Tensor `torch:"-"`

	Weight            *torch.Tensor // nil for none
	Bias              *torch.Tensor // nil for none
	RunningMean       *torch.Tensor `torch:",buffer"` // nil for none, as the two below
	RunningVar        *torch.Tensor `torch:",buffer"`
	NumBatchesTracked *torch.Tensor `torch:",buffer"`
}

// NormConfig holds settings of [BatchNorm] and [InstanceNorm]. Start from
// [DefaultBatchNorm] or [DefaultInstanceNorm].
type NormConfig struct {
	Eps               float64
	Momentum          *float64 // nil for the mean of all batches so far
	Affine            bool     // has a weight
	Bias              bool     // has a bias beside the weight
	TrackRunningStats bool     // has running statistics, for evaluation
	DType             torch.DType
}

// DefaultBatchNorm returns the settings of PyTorch's BatchNorm: Eps 1e-5, Momentum 0.1,
// with everything else. They are those of the constructors without settings.
func DefaultBatchNorm() NormConfig {
	return NormConfig{Eps: 1e-5, Momentum: new(0.1), Affine: true, Bias: true, TrackRunningStats: true}
}

// NewBatchNorm1d returns a BatchNorm of vectors or sequences, on device d.
func NewBatchNorm1d(features int, d torch.Device, c ...NormConfig) *BatchNorm {
	return newNorm("nn.BatchNorm1d", features, 1, d, optional(c, DefaultBatchNorm()))
}

// NewBatchNorm2d returns a BatchNorm of images, on device d.
func NewBatchNorm2d(features int, d torch.Device, c ...NormConfig) *BatchNorm {
	return newNorm("nn.BatchNorm2d", features, 2, d, optional(c, DefaultBatchNorm()))
}

// NewBatchNorm3d returns a BatchNorm of volumes, on device d.
func NewBatchNorm3d(features int, d torch.Device, c ...NormConfig) *BatchNorm {
	return newNorm("nn.BatchNorm3d", features, 3, d, optional(c, DefaultBatchNorm()))
}

func newNorm(op string, features, n int, d torch.Device, c NormConfig) *BatchNorm {
	positive(op, "the number of features", features)
	notNegative(op, "Eps", c.Eps)
	l := &BatchNorm{Dims: n, Eps: c.Eps, Momentum: c.Momentum, Training: true}
	if c.Affine {
		l.Weight = constantParameter(d, c.DType, 1, features)
		if c.Bias {
			l.Bias = constantParameter(d, c.DType, 0, features)
		}
	}
	if c.TrackRunningStats {
		l.RunningMean = newBuffer(d, c.DType, 0, features)
		l.RunningVar = newBuffer(d, c.DType, 1, features)
		l.NumBatchesTracked = newBuffer(d, torch.Int64, 0)
	}
	return l
}

// Forward normalises x, and in training moves the running statistics.
func (l *BatchNorm) Forward(x *torch.Tensor) *torch.Tensor {
	op, shape := layerName("BatchNorm", l.Dims), x.Shape()
	if n := len(shape); n != l.Dims+2 && (l.Dims != 1 || n != 2) {
		want := [4]string{1: "[N, C] or [N, C, L]", 2: "[N, C, H, W]", 3: "[N, C, D, H, W]"}[l.Dims]
		panic(&torch.Error{Op: op, Shapes: [][]int{shape}, Message: "the input must have the shape " + want})
	}
	together := l.Training && l.Gather != nil
	l.check(op, shape, len(shape)-2, l.Training && !together, x.Numel()/max(shape[1], 1))
	momentum := given(l.Momentum, 0)
	if l.Training && l.NumBatchesTracked != nil {
		l.NumBatchesTracked.AddScalarInPlace(1)
		if l.Momentum == nil {
			momentum = 1 / float64(l.NumBatchesTracked.ItemInt())
		}
	}
	if together {
		return l.across(op, x, momentum)
	}
	own := l.Training || l.RunningMean == nil
	return torch.BatchNorm(x, l.Weight, l.Bias, torch.RunningStats{Mean: l.RunningMean, Var: l.RunningVar}, own, momentum, l.Eps)
}

// across is Forward with the mean and the variance of the batches of all processes. Each tells
// the mean, the sum of squared distances from it and the number of its values; from these follow
// those of all values, without the loss of digits that sums of squares have (Chan, Golub and
// LeVeque, 1979).
func (l *BatchNorm) across(op string, x *torch.Tensor, momentum float64) *torch.Tensor {
	shape, kind := x.Shape(), x.DType()
	if kind != torch.Float64 {
		x = x.ToDType(torch.Float32)
	}
	c, n := shape[1], x.Numel()/max(shape[1], 1)
	dims, wide := []int{0}, []int{c}
	for i := range shape[2:] {
		dims, wide = append(dims, i+2), append(wide, 1)
	}
	centred := func(mean *torch.Tensor) *torch.Tensor { return x.Sub(mean.Reshape(wide...)) }

	mean := x.Sum(dims...).DivScalar(float64(max(n, 1)))
	own := []*torch.Tensor{mean, centred(mean).Square().Sum(dims...), torch.Full([]int{1}, n, torch.Options{DType: x.DType(), Device: x.Device()})}
	all := l.Gather(torch.Cat(own, 0))
	means, counts := all.Narrow(1, 0, c), all.Narrow(1, 2*c, 1).Detach()
	total := counts.Sum()
	fit(op, total.Item() > 1, shape, "all processes together have one value for each channel; a variance needs more")
	mean = means.Mul(counts).Sum(0).Div(total)
	variance := all.Narrow(1, c, c).Sum(0).Add(means.Sub(mean).Square().Mul(counts).Sum(0)).Div(total)
	if l.RunningMean != nil {
		torch.NoGrad(func() {
			unbiased := variance.Mul(total.Div(total.SubScalar(1)))
			l.RunningMean.LerpInPlace(mean.ToDType(l.RunningMean.DType()), momentum)
			l.RunningVar.LerpInPlace(unbiased.ToDType(l.RunningVar.DType()), momentum)
		})
	}
	y := centred(mean).Mul(variance.AddScalar(l.Eps).Rsqrt().Reshape(wide...))
	if l.Weight != nil {
		y = y.Mul(l.Weight.Reshape(wide...))
	}
	if l.Bias != nil {
		y = y.Add(l.Bias.Reshape(wide...))
	}
	return y.ToDType(kind)
}

// BatchNorms returns every [BatchNorm] in m, each once.
func BatchNorms(m any) (list []*BatchNorm) {
	visit(m, func(_ string, v reflect.Value) {
		if v.CanAddr() {
			if l, ok := v.Addr().Interface().(*BatchNorm); ok && !slices.Contains(list, l) {
				list = append(list, l)
			}
		}
	})
	return list
}

// check panics unless an input with n dimensions of space has the layer's channels, and
// so many values of each that a variance can be taken of them, if it is.
func (l *BatchNorm) check(op string, shape []int, n int, own bool, values int) {
	for _, t := range []*torch.Tensor{l.Weight, l.RunningMean} {
		if t != nil {
			channels(op, shape, n, t.Size(0))
		}
	}
	fit(op, !own || values != 1, shape, "there is one value for each channel; a variance needs more")
}

// InstanceNorm is [BatchNorm] of each sample by itself: mean and variance are over the
// places alone, in evaluation as well unless there are running statistics. From "Instance
// normalization: the missing ingredient for fast stylization", Ulyanov et al., 2016.
//
// Shape: [N, features, *] or [features, *] to the same, with 1 to 3 dimensions *.
//
// Parameters and buffers, where it has them, are those of BatchNorm. Nothing counts the
// batches in num_batches_tracked, and a nil Momentum is 0, as in PyTorch. Gather is not used.
type InstanceNorm BatchNorm

// DefaultInstanceNorm returns the settings of PyTorch's InstanceNorm: Eps 1e-5, Momentum
// 0.1, and neither parameters nor running statistics; a bias only if Affine is set as
// well. They are those of the constructors without settings.
func DefaultInstanceNorm() NormConfig { return NormConfig{Eps: 1e-5, Momentum: new(0.1), Bias: true} }

// NewInstanceNorm1d returns an InstanceNorm of sequences, on device d.
func NewInstanceNorm1d(features int, d torch.Device, c ...NormConfig) *InstanceNorm {
	return (*InstanceNorm)(newNorm("nn.InstanceNorm1d", features, 1, d, optional(c, DefaultInstanceNorm())))
}

// NewInstanceNorm2d returns an InstanceNorm of images, on device d.
func NewInstanceNorm2d(features int, d torch.Device, c ...NormConfig) *InstanceNorm {
	return (*InstanceNorm)(newNorm("nn.InstanceNorm2d", features, 2, d, optional(c, DefaultInstanceNorm())))
}

// NewInstanceNorm3d returns an InstanceNorm of volumes, on device d.
func NewInstanceNorm3d(features int, d torch.Device, c ...NormConfig) *InstanceNorm {
	return (*InstanceNorm)(newNorm("nn.InstanceNorm3d", features, 3, d, optional(c, DefaultInstanceNorm())))
}

// Forward normalises x, and in training moves the running statistics if there are any.
func (l *InstanceNorm) Forward(x *torch.Tensor) *torch.Tensor {
	op := layerName("InstanceNorm", l.Dims)
	shape := spatial(op, x, l.Dims)
	own := l.Training || l.RunningMean == nil
	places := 1
	for _, n := range shape[len(shape)-l.Dims:] {
		places *= n
	}
	(*BatchNorm)(l).check(op, shape, l.Dims, own, places)
	single := len(shape) == l.Dims+1
	if single {
		x = x.Unsqueeze(0)
	}
	stats := torch.RunningStats{Mean: l.RunningMean, Var: l.RunningVar}
	y := torch.InstanceNorm(x, l.Weight, l.Bias, stats, own, given(l.Momentum, 0), l.Eps)
	if single {
		return y.Squeeze(0)
	}
	return y
}

// GroupNorm is y = (x - mean)/√(var + Eps)·weight + bias with the mean and the variance
// of each sample over each of its Groups of channels and all places. From "Group
// normalization", Wu and He, 2018.
//
// Shape: [N, channels, *] to the same.
//
// Parameters, in order: weight [channels], of ones, and bias [channels], of zeros.
type GroupNorm struct {
	Groups, Channels int
	Eps              float64
	Weight           *torch.Tensor // nil for none
	Bias             *torch.Tensor // nil for none
}

// NewGroupNorm returns a GroupNorm of channels in so many groups, on device d. Its
// settings are those of [LayerNorm], from [DefaultLayerNorm].
func NewGroupNorm(groups, channels int, d torch.Device, c ...LayerNormConfig) *GroupNorm {
	positive("nn.GroupNorm", "the number of groups", groups)
	positive("nn.GroupNorm", "the number of channels", channels)
	must("nn.GroupNorm", channels%groups == 0, "%d channels cannot be divided into %d groups", channels, groups)
	l := NewLayerNorm([]int{channels}, d, c...)
	return &GroupNorm{groups, channels, l.Eps, l.Weight, l.Bias}
}

// Forward normalises x.
func (l *GroupNorm) Forward(x *torch.Tensor) *torch.Tensor {
	shape := x.Shape()
	fit("nn.GroupNorm", len(shape) >= 2 && shape[1] == l.Channels, shape, "the input must have the shape [N, %d, *]", l.Channels)
	return torch.GroupNorm(x, l.Groups, l.Weight, l.Bias, l.Eps)
}

// RMSNorm is y = x/√(mean(x²) + Eps)·weight, with the mean over the last dimensions,
// those of Shape. From "Root mean square layer normalization", Zhang and Sennrich, 2019.
//
// Shape: [*, Shape…] to the same.
//
// Parameters: weight [Shape…], of ones.
type RMSNorm struct {
	Shape  []int
	Eps    *float64      // nil for the distance from 1 to the next number of x's type
	Weight *torch.Tensor // nil for none
}

// RMSNormConfig holds settings that are rarely changed. The zero value is PyTorch's default.
type RMSNormConfig struct {
	Eps      *float64
	NoAffine bool        // no weight
	DType    torch.DType // of the parameter
}

// NewRMSNorm returns an RMSNorm over dimensions of the given sizes, on device d.
func NewRMSNorm(shape []int, d torch.Device, c ...RMSNormConfig) *RMSNorm {
	config := optional(c, RMSNormConfig{})
	normShape("nn.RMSNorm", shape)
	l := &RMSNorm{Shape: slices.Clone(shape), Eps: config.Eps}
	if l.Eps != nil {
		notNegative("nn.RMSNorm", "Eps", *l.Eps)
	}
	if !config.NoAffine {
		l.Weight = constantParameter(d, config.DType, 1, shape...)
	}
	return l
}

// Forward normalises x.
func (l *RMSNorm) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.RMSNorm(x, l.Shape, l.Weight, l.Eps)
}

// LayerNorm is y = (x - mean)/√(var + Eps)·weight + bias, with mean and variance
// (of the population) over the last dimensions, those of Shape. From "Layer
// normalization", Ba, Kiros and Hinton, 2016.
//
// Shape: [*, Shape…] to the same.
//
// Parameters, in order: weight [Shape…], of ones, and bias [Shape…], of zeros.
type LayerNorm struct {
	Shape  []int
	Eps    float64
	Weight *torch.Tensor // nil for none
	Bias   *torch.Tensor // nil for none
}

// LayerNormConfig holds settings that are rarely changed. Start from [DefaultLayerNorm]; an
// Eps of 0 is 0.
type LayerNormConfig struct {
	Eps      float64 // added to the variance
	NoAffine bool    // neither weight nor bias
	NoBias   bool
	DType    torch.DType // of the parameters
}

// DefaultLayerNorm returns the settings of PyTorch's LayerNorm: Eps 1e-5, with weight
// and bias. They are those of [NewLayerNorm] without settings.
func DefaultLayerNorm() LayerNormConfig { return LayerNormConfig{Eps: 1e-5} }

// NewLayerNorm returns a LayerNorm over dimensions of the given sizes, on device d. It
// panics on a negative Eps.
func NewLayerNorm(shape []int, d torch.Device, c ...LayerNormConfig) *LayerNorm {
	normShape("nn.LayerNorm", shape)
	config := optional(c, DefaultLayerNorm())
	notNegative("nn.LayerNorm", "Eps", config.Eps)
	l := &LayerNorm{Shape: slices.Clone(shape), Eps: config.Eps}
	if !config.NoAffine {
		l.Weight = constantParameter(d, config.DType, 1, shape...)
		if !config.NoBias {
			l.Bias = constantParameter(d, config.DType, 0, shape...)
		}
	}
	return l
}

// Forward normalises x.
func (l *LayerNorm) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.LayerNorm(x, l.Shape, l.Weight, l.Bias, l.Eps)
}

// normShape panics unless shape says which dimensions are normalised.
func normShape(op string, shape []int) {
	must(op, len(shape) > 0, "the shape is empty: at least the last dimension is normalised")
	for _, n := range shape {
		positive(op, "a size of the shape", n)
	}
}

// UpdateBN computes the running statistics of every [BatchNorm] in m anew, for weights that
// were not trained with them, such as averages. f has to pass the data through m, batch by
// batch; it is called in training mode and without gradients. The statistics become the
// means of those of all batches. As torch.optim.swa_utils.update_bn.
func UpdateBN(m any, f func()) {
	momenta := map[*BatchNorm]*float64{}
	for _, l := range BatchNorms(m) {
		momenta[l] = l.Momentum
	}
	if len(momenta) == 0 {
		return
	}
	defer func() {
		for l, momentum := range momenta {
			l.Momentum = momentum
		}
	}()
	torch.NoGrad(func() {
		for l := range momenta {
			l.Momentum = nil
			if l.RunningMean != nil {
				l.RunningMean.FillInPlace(0)
				l.RunningVar.FillInPlace(1)
				l.NumBatchesTracked.FillInPlace(0)
			}
		}
		inMode(m, true, f)
	})
}
