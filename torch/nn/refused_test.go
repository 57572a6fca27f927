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

// TestRefused gives layers wrong settings and shapes.
func TestRefused(t *testing.T) {
	torchtest.NoLeaks(t)
	cpu, k := torch.CPU, []int{2}
	x := func(shape ...int) *torch.Tensor { return torch.Zeros(shape) }
	for want, f := range map[string]func(){
		"nn.PReLU: the number of weights is 0; it must be at least 1":                   func() { nn.NewPReLU(0, cpu) },
		"nn.Softmax2d: [2 3]: the input must have the shape [N, C, H, W] or [C, H, W]":  func() { nn.Softmax2d{}.Forward(x(2, 3)) },
		"nn.Hardtanh: Min is 1 and Max is 1; Min must be below Max":                     func() { nn.Hardtanh{Min: 1, Max: 1}.Forward(x(2)) },
		"nn.Conv1d: [4 3 5 6]: the input must have the shape [N, C, L] or [C, L]":       func() { nn.NewConv1d(3, 4, 2, cpu).Forward(x(4, 3, 5, 6)) },
		"nn.Conv2d: [2 4 5 6]: dimension 1 holds 4 channels; the layer has 3":           func() { nn.NewConv2d(3, 4, k, cpu).Forward(x(2, 4, 5, 6)) },
		"nn.Conv2d: the number of channels is 0":                                        func() { nn.NewConv2d(0, 4, k, cpu) },
		"nn.Conv2d: 3 and 4 channels cannot be divided into 2 groups":                   func() { nn.NewConv2d(3, 4, k, cpu, nn.ConvConfig{Groups: 2}) },
		"nn.Conv2d: Groups is -1; it must be at least 1":                                func() { nn.NewConv2d(3, 4, k, cpu, nn.ConvConfig{Groups: -1}) },
		"nn.Conv2d: the kernel has no size":                                             func() { nn.NewConv2d(3, 4, nil, cpu) },
		"nn.Conv3d: the kernel is [3 3]; give one number, or one for each of the 3 dim": func() { nn.NewConv3d(3, 4, []int{3, 3}, cpu) },
		"nn.Conv2d: Padding is [-1 -1]; it must be at least 0":                          func() { nn.NewConv2d(3, 4, k, cpu, nn.ConvConfig{Padding: []int{-1}}) },
		"nn.Conv2d: there is no PaddingMode \"mirror\", but [\"zeros\" \"reflect\"":     func() { nn.NewConv2d(3, 4, k, cpu, nn.ConvConfig{PaddingMode: "mirror"}) },
		"nn.Conv2d: Same does without Padding and with a Stride of 1":                   func() { nn.NewConv2d(3, 4, k, cpu, nn.ConvConfig{Same: true, Stride: k}) },
		"nn.ConvTranspose2d: [1 4 5 6]: dimension 1 holds 4 channels; the layer has 3":  func() { nn.NewConvTranspose2d(3, 4, k, cpu).Forward(x(1, 4, 5, 6)) },
		"nn.ConvTranspose1d: the size of dimension 0 is 9; from this input it can be 6": func() { nn.NewConvTranspose1d(3, 4, 2, cpu).ForwardSize(x(1, 3, 5), 9) },
		"nn.ConvTranspose1d: the size [5 5] has no number for each of the 1 dimensions": func() { nn.NewConvTranspose1d(3, 4, 2, cpu).ForwardSize(x(1, 3, 5), 5, 5) },
		"nn.AvgPool2d: the kernel has no size":                                          func() { nn.NewAvgPool2d(nil) },
		"nn.AvgPool2d: Padding is [2 2]; it can be at most half of the kernel [2 2]":    func() { nn.NewAvgPool2d(k, nn.PoolConfig{Padding: k}) },
		"nn.AvgPool1d: only AvgPool2d and AvgPool3d have a DivisorOverride":             func() { nn.NewAvgPool1d(2, nn.PoolConfig{DivisorOverride: 3}) },
		"nn.MaxPool3d: [2 3]: the input must have the shape [N, C, D, H, W] or":         func() { nn.NewMaxPool3d(k).Forward(x(2, 3)) },
		"nn.MaxUnpool1d: the size of dimension 0 is 12; from this input it can be 9 to 11": func() {
			nn.NewMaxUnpool1d(2).ForwardSize(x(1, 3, 5), x(1, 3, 5).ToDType(torch.Int64), 12)
		},
		"nn.MaxUnpool2d: the size [5] has no number for each of the 2 dimensions": func() {
			nn.NewMaxUnpool2d(k).ForwardSize(x(1, 3, 5, 5), x(1, 3, 5, 5).ToDType(torch.Int64), 5)
		},
		"nn.LPPool1d: the norm is 0; it must not be zero":                                         func() { nn.NewLPPool1d(0, 2) },
		"nn.AdaptiveAvgPool2d: the output has no size":                                            func() { nn.NewAdaptiveAvgPool2d(nil) },
		"nn.FractionalMaxPool2d: give a kernel, and either a size or a ratio":                     func() { nn.NewFractionalMaxPool2d(k, k, []float64{0.5}) },
		"nn.FractionalMaxPool3d: the ratio is [1.5]; it must be above 0 and below 1":              func() { nn.NewFractionalMaxPool3d(k, nil, []float64{1.5}) },
		"nn.Pad: the padding is [1 2]; give one number, or one for each of the 4":                 func() { nn.NewReflectionPad2d([]int{1, 2}) },
		"nn.Pad: [2 3]: the input must have the shape [N, C, H, W] or [C, H, W]":                  func() { nn.NewReflectionPad2d(k).Forward(x(2, 3)) },
		"nn.BatchNorm1d: the number of features is 0":                                             func() { nn.NewBatchNorm1d(0, cpu) },
		"nn.BatchNorm2d: Eps is -1; it must not be negative":                                      func() { nn.NewBatchNorm2d(3, cpu, nn.NormConfig{Eps: -1}) },
		"nn.BatchNorm1d: [2 3 4 5]: the input must have the shape [N, C] or [N, C, L]":            func() { nn.NewBatchNorm1d(3, cpu).Forward(x(2, 3, 4, 5)) },
		"nn.BatchNorm2d: [2 4 5 6]: dimension 1 holds 4 channels; the layer has 3":                func() { nn.NewBatchNorm2d(3, cpu).Forward(x(2, 4, 5, 6)) },
		"nn.BatchNorm1d: [1 3]: there is one value for each channel":                              func() { nn.NewBatchNorm1d(3, cpu).Forward(x(1, 3)) },
		"nn.InstanceNorm2d: [3 1 1]: there is one value for each channel":                         func() { nn.NewInstanceNorm2d(3, cpu).Forward(x(3, 1, 1)) },
		"nn.InstanceNorm3d: [3 4]: the input must have the shape [N, C, D, H, W] or [C, D, H, W]": func() { nn.NewInstanceNorm3d(3, cpu).Forward(x(3, 4)) },
		"nn.GroupNorm: 4 channels cannot be divided into 3 groups":                                func() { nn.NewGroupNorm(3, 4, cpu) },
		"nn.GroupNorm: [2 3]: the input must have the shape [N, 4, *]":                            func() { nn.NewGroupNorm(2, 4, cpu).Forward(x(2, 3)) },
		"nn.RMSNorm: the shape is empty":                                                          func() { nn.NewRMSNorm(nil, cpu) },
		"nn.RMSNorm: Eps is -1; it must not be negative":                                          func() { nn.NewRMSNorm(k, cpu, nn.RMSNormConfig{Eps: new(-1.0)}) },
		"nn.LocalResponseNorm: [2 3]: the input must have the shape [N, C, *]":                    func() { nn.NewLocalResponseNorm(2).Forward(x(2, 3)) },
		"nn.CrossMapLRN2d: [2 3]: the input must have the shape [N, C, H, W]":                     func() { nn.NewCrossMapLRN2d(2).Forward(x(2, 3)) },
		"nn.Dropout2d: p is 2; a probability lies between 0 and 1":                                func() { nn.NewDropout2d(2) },
		"nn.AlphaDropout: p is -1; a probability lies between 0 and 1":                            func() { nn.NewAlphaDropout(-1) },
		"nn.FeatureAlphaDropout: p is -1; a probability lies between 0 and 1":                     func() { nn.NewFeatureAlphaDropout(-1) },
		"nn.Dropout1d: [2 3 4 5]: the input must have the shape [N, C, L] or [C, L]":              func() { nn.NewDropout1d(0.5).Forward(x(2, 3, 4, 5)) },
		"nn.Upsample: set either Size or Scale":                                                   func() { nn.Upsample{}.Forward(x(2, 3, 4)) },
		"nn.Upsample: [2 3]: the input must have the shape [N, C, *] with 1 to 3":                 func() { nn.Upsample{Size: k}.Forward(x(2, 3)) },
		"nn.Unfold: the kernel has no size":                                                       func() { nn.Unfold{}.Forward(x(2, 3, 4, 5)) },
		"nn.Fold: the output has no size":                                                         func() { nn.Fold{Kernel: k}.Forward(x(2, 3, 4)) },
	} {
		torch.Scope(func() { assert.ErrorContains(t, torch.Try(f), want) })
	}
}
