// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import (
	"encoding/json"
	"math"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// file is the content of a file. RTNeural reads in_shape and layers.
type file struct {
	InShape  shape             `json:"in_shape"`
	Layers   []layer           `json:"layers"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// layer is one layer of a file. RTNeural wants the lists of kernel_size and dilation.
type layer struct {
	Type       string            `json:"type"`
	Activation string            `json:"activation"`
	Shape      shape             `json:"shape"`
	KernelSize []int             `json:"kernel_size,omitempty"`
	Dilation   []int             `json:"dilation,omitempty"`
	Groups     int               `json:"groups,omitempty"`
	Epsilon    *float64          `json:"epsilon,omitempty"`
	Weights    []json.RawMessage `json:"weights"`

	biases [2][]float32 // of an LSTM, whose sum is in Weights
}

// shape is [null, null, features], as Keras has it: any batch, any number of frames.
type shape []*int

func frames(features int) shape { return shape{nil, nil, &features} }

// features is the last number of a shape.
func features(s shape, what string) int {
	if len(s) == 0 || len(s) > 3 || s[len(s)-1] == nil || *s[len(s)-1] < 1 || *s[len(s)-1] > math.MaxInt32 {
		fail.With("%s does not end with a number of features, of one, two or three dimensions", what)
	}
	return *s[len(s)-1]
}
