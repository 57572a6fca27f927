// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/torch"
)

// Front computes a network's inputs in operators that an exported file can hold.
type Front struct {
	Input   string               // its name in the file, with rate and length
	Axes    map[int]string       // the free sizes of an input
	Example func() *torch.Tensor // an input, which spans what inputs can be
	// Forward returns network of the features of x, and NaN where x has no features.
	Forward  func(x *torch.Tensor, network func(features *torch.Tensor) *torch.Tensor) *torch.Tensor
	Metadata func() any // what an input is, written as JSON into the file
}

// samples is the front of what [audio.Clip.LogMel] computes.
var samples = &Front{
	Input: fmt.Sprintf("audio_%dhz_%gs", audio.SampleRate, audio.Seconds), // not more than the first seconds count
	Axes:  map[int]string{0: "batch_size", 1: "samples"},
	Example: func() *torch.Tensor { // half a second of noise
		rng := rand.New(rand.NewPCG(1, 1))
		x := make([]float32, audio.SampleRate/2)
		for i := range x {
			x[i] = 2*rng.Float32() - 1
		}
		return torch.FromSlice(x, 1, len(x))
	},
	Forward: func(x *torch.Tensor, network func(*torch.Tensor) *torch.Tensor) *torch.Tensor {
		features, silent := logMel(x)
		return network(features).MaskedFill(silent, math.NaN()) // at the end: ONNX Runtime's Tanh makes numbers of NaN
	},
	Metadata: func() any {
		return map[string]any{
			"input": "mono sound, [batch_size, samples]", "sample_rate": audio.SampleRate, "full_scale": 1,
			"seconds": audio.Seconds, "longer": "only the first seconds count", "shorter": "is not padded",
			"silent_below_dbfs": audio.SilenceDB, "silent": "NaN",
		}
	},
}

// logMel maps samples [batch, n] at [audio.SampleRate] to the features [batch, 128] that
// [audio.Clip.LogMel] computes of them, and tells which clips are silent, [batch, 1].
func logMel(x *torch.Tensor) (features, silent *torch.Tensor) {
	const length = audio.Seconds * audio.SampleRate
	x = x.Index(torch.Ellipsis, torch.Slice(0, int(length)))
	silent = x.Abs().Amax([]int{1}, true).LtScalar(math.Pow(10, audio.SilenceDB/20.0))
	spectrum := x.Pad([]int{audio.WindowSize / 2, audio.WindowSize / 2}, "constant", 0).STFT(torch.STFTOptions{
		Size: audio.WindowSize, Hop: audio.HopSize, Length: audio.WindowSize, Window: torch.HannWindow(audio.WindowSize),
	})
	filters := torch.FromSlice(audio.MelFilters(), audio.Bands, audio.WindowSize/2+1)
	db := filters.Matmul(spectrum.Abs().Square()).ClampMin(audio.Floor).Log10().MulScalar(10)
	db = db.Sub(db.Amax([]int{1, 2}, true)).ClampMin(-audio.RangeDB)
	return db.Mean(2).DivScalar(audio.RangeDB), silent
}
