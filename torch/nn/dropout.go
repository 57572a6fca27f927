// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"github.com/etude-ml/etude/torch"
)

// Dropout zeroes each element with probability P in training, and scales the
// others by 1/(1-P); in evaluation it passes its input on. From "Improving neural
// networks by preventing co-adaptation of feature detectors", Hinton et al., 2012.
//
// Shape: any to the same.
type Dropout struct {
	P        float64
	Training bool
}

// NewDropout returns a Dropout in training mode. p lies between 0 and 1.
func NewDropout(p float64) *Dropout {
	probability("nn.Dropout", "p", p)
	return &Dropout{P: p, Training: true}
}

// Forward drops elements of x.
func (l *Dropout) Forward(x *torch.Tensor) *torch.Tensor { return torch.Dropout(x, l.P, l.Training) }

// ChannelDropout is [Dropout] of whole channels: all elements of a channel of a sample are
// kept or zeroed together. From "Efficient object localization using convolutional
// networks", Tompson et al., 2015.
//
// Shape: [N, C, *] to the same, with Dims dimensions * of space; also [C, *], but for
// Dropout2d, which as PyTorch's takes three dimensions for [N, C, L].
type ChannelDropout struct {
	P        float64
	Dims     int
	Training bool
}

// NewDropout1d returns a ChannelDropout of sequences in training mode. p lies between 0 and 1.
func NewDropout1d(p float64) *ChannelDropout { return newChannelDropout("nn.Dropout1d", p, 1) }

// NewDropout2d returns a ChannelDropout of images in training mode. p lies between 0 and 1.
func NewDropout2d(p float64) *ChannelDropout { return newChannelDropout("nn.Dropout2d", p, 2) }

// NewDropout3d returns a ChannelDropout of volumes in training mode. p lies between 0 and 1.
func NewDropout3d(p float64) *ChannelDropout { return newChannelDropout("nn.Dropout3d", p, 3) }

func newChannelDropout(op string, p float64, n int) *ChannelDropout {
	probability(op, "p", p)
	return &ChannelDropout{P: p, Dims: n, Training: true}
}

// Forward drops channels of x.
func (l *ChannelDropout) Forward(x *torch.Tensor) *torch.Tensor {
	shape := spatial(layerName("Dropout", l.Dims), x, l.Dims)
	if len(shape) == l.Dims+1 && l.Dims != 2 {
		return torch.FeatureDropout(x.Unsqueeze(0), l.P, l.Training).Squeeze(0)
	}
	return torch.FeatureDropout(x, l.P, l.Training)
}

// AlphaDropout is the dropout for networks of [SELU]: in training, it sets elements with
// probability P to the lower limit of SELU, and then scales and shifts all of them so that
// mean 0 and variance 1 stay; in evaluation it passes its input on. From
// "Self-normalizing neural networks", Klambauer et al., 2017.
//
// Shape: any to the same; with Channels, [N, C, *].
type AlphaDropout struct {
	P        float64
	Channels bool // whole channels of a sample together
	Training bool
}

// NewAlphaDropout returns an AlphaDropout in training mode. p lies between 0 and 1.
func NewAlphaDropout(p float64) *AlphaDropout {
	probability("nn.AlphaDropout", "p", p)
	return &AlphaDropout{P: p, Training: true}
}

// NewFeatureAlphaDropout returns an AlphaDropout of whole channels in training mode. p lies
// between 0 and 1.
func NewFeatureAlphaDropout(p float64) *AlphaDropout {
	probability("nn.FeatureAlphaDropout", "p", p)
	return &AlphaDropout{P: p, Channels: true, Training: true}
}

// Forward drops elements of x, or channels.
func (l *AlphaDropout) Forward(x *torch.Tensor) *torch.Tensor {
	if l.Channels {
		return torch.FeatureAlphaDropout(x, l.P, l.Training)
	}
	return torch.AlphaDropout(x, l.P, l.Training)
}
