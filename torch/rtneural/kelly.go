// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// Kelly is the [Signature].Dialect of the plugin Kelly MIDI Companion: what its pipeline's
// export_to_rtneural writes, with the sizes at the top that its verify_rtneural wants.
// (Both are in final kel/training_pipe/scripts of sburdges-eng/miDiKompanion, commit
// 779a792a.) Weights are arranged as PyTorch has them, those of an LSTM by gate. RTNeural
// itself cannot load such a file.
const Kelly = "kelly"

// kellyFile is a file in this dialect.
type kellyFile struct {
	ModelType  string         `json:"model_type"`
	InputSize  int            `json:"input_size"`
	OutputSize int            `json:"output_size"`
	Layers     []kellyLayer   `json:"layers"`
	Metadata   map[string]any `json:"metadata"`
}

// kellyLayer is a dense layer, an LSTM, or an activation that stands alone. The gates of an
// LSTM are input, forget, cell and output.
type kellyLayer struct {
	Type    string `json:"type"`
	InSize  int    `json:"in_size"`
	OutSize int    `json:"out_size"`

	Activation string      `json:"activation,omitempty"` // of a dense layer, "linear" for none
	Weights    [][]float64 `json:"weights,omitempty"`    // [out, in]
	Bias       *[]float64  `json:"bias,omitempty"`       // of a dense layer, empty for none

	WeightsIH [][][]float64 `json:"weights_ih,omitempty"` // [4, hidden, in]
	WeightsHH [][][]float64 `json:"weights_hh,omitempty"` // [4, hidden, hidden]
	BiasIH    [][]float32   `json:"bias_ih,omitempty"`    // [4, hidden]
	BiasHH    [][]float32   `json:"bias_hh,omitempty"`
}

// kelly says in the dialect what RTNeural's own form says.
func (f file) kelly(parameters int) kellyFile {
	in := features(f.InShape, "in_shape")
	k := kellyFile{ModelType: "sequential", InputSize: in, Metadata: map[string]any{}}
	for i := range f.Layers {
		l := &f.Layers[i]
		r, out := reader{l}, features(l.Shape, "shape")
		kl := kellyLayer{Type: l.Type, InSize: in, OutSize: out}
		switch name := l.Activation; {
		case l.Type == "dense":
			kl.Activation, kl.Weights, kl.Bias = cmp.Or(name, "linear"), transposed(r.matrix(0, in, out)), &[]float64{}
			if len(l.Weights) > 1 {
				*kl.Bias = r.vector(1, out)
			}
		case l.Type == "lstm":
			kl.WeightsIH, kl.WeightsHH = gated(transposed(r.matrix(0, in, 4*out))), gated(transposed(r.matrix(1, out, 4*out)))
			kl.BiasIH, kl.BiasHH = gated(l.biases[0]), gated(l.biases[1])
		case l.Type == "activation" && (name == "tanh" || name == "relu" || name == "sigmoid"):
			kl.Type = name
		default:
			fail.With("layer %d (%s) is not in the dialect kelly, which has dense and lstm layers, tanh, relu and sigmoid, and any activation right after a dense layer", i, cmp.Or(name, l.Type))
		}
		k.Layers = append(k.Layers, kl)
		in = out
	}
	k.OutputSize = in
	for name, text := range f.Metadata {
		k.Metadata[name] = text
	}
	maps.Copy(k.Metadata, map[string]any{
		"framework": "PyTorch", "export_version": "2.0", "parameter_count": parameters, "memory_bytes": 4 * parameters,
		"input_size": k.InputSize, "output_size": k.OutputSize,
	})
	return k
}

// standard says as RTNeural's own files do what a file in the dialect says.
func (k kellyFile) standard() file {
	f := file{InShape: frames(k.InputSize), Metadata: map[string]string{}}
	for i, kl := range k.Layers {
		l, weights := layer{Type: kl.Type, Shape: frames(kl.OutSize)}, []any{}
		switch kl.Type {
		case "dense":
			if kl.Activation != "linear" {
				l.Activation = kl.Activation
			}
			weights = append(weights, transposed(kl.Weights))
			if kl.Bias != nil && len(*kl.Bias) > 0 {
				weights = append(weights, *kl.Bias)
			}
		case "lstm":
			bias, second := slices.Concat(kl.BiasIH...), slices.Concat(kl.BiasHH...)
			if len(bias) != len(second) {
				fail.With("layer %d (lstm): its biases have %d and %d numbers", i, len(bias), len(second))
			}
			for j, b := range second {
				bias[j] += b
			}
			weights = append(weights, transposed(slices.Concat(kl.WeightsIH...)), transposed(slices.Concat(kl.WeightsHH...)), bias)
		default:
			l.Type, l.Activation = "activation", kl.Type
		}
		for _, w := range weights {
			l.Weights = append(l.Weights, fail.Or(json.Marshal(w)))
		}
		f.Layers = append(f.Layers, l)
	}
	for name, v := range k.Metadata {
		if text, ok := v.(string); ok {
			f.Metadata[name] = text
		}
	}
	return f
}

func transposed(m [][]float64) [][]float64 {
	if len(m) == 0 {
		return nil
	}
	t := make([][]float64, len(m[0]))
	for _, row := range m {
		if len(row) != len(t) {
			fail.With("a matrix has rows of %d and of %d numbers", len(t), len(row))
		}
		for j, v := range row {
			t[j] = append(t[j], v)
		}
	}
	return t
}

// gated divides what an LSTM has by its four gates.
func gated[T any](all []T) [][]T {
	n := len(all) / 4
	return [][]T{all[:n], all[n : 2*n], all[2*n : 3*n], all[3*n:]}
}
