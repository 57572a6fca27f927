// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// golden is testdata/nn.json, which testdata/gen_nn.py wrote.
type golden struct {
	LSTMs  []lstmCase
	Losses []lossCase
	Layers map[string]layerCase
	Names  struct{ State, Parameters []string }
}

type values struct {
	Shape  []int
	Values []float64
}

// trace holds the two numbers that the generator keeps of a large tensor.
type trace struct{ Sum, Dot float64 }

type lstmCase struct {
	Name          string
	Layers        int
	Bidirectional bool
	BatchFirst    bool `json:"batch_first"`
	Bias          bool
	Dropout       float64
	Shape         []int
	State         bool
	Keys          []string
	Y             values
	H, C          trace
	HShape        []int `json:"h_shape"`
	XGrad         trace `json:"x_grad"`
	Grads         map[string]trace
}

type lossCase struct {
	Name, Reduction string
	Loss            values
	Grad            trace
}

type layerCase struct {
	Y     values
	XGrad trace `json:"x_grad"`
	Grads map[string]trace
}

// read returns the golden file, where libtorch can be loaded.
func read(t *testing.T) golden {
	t.Helper()
	torchtest.Need(t)
	var g golden
	torchtest.Golden(t, "testdata/nn.json", &g)
	return g
}

// tolerance is relative to 1 or to the expected value, whichever is larger: a few
// units in the last place of float32 for sums of some dozens of terms.
const tolerance = 2e-6

func assertClose(t *testing.T, want, got float64, what string) {
	t.Helper()
	assert.InDelta(t, want, got, tolerance*max(1, want, -want), what)
}

func (v values) check(t *testing.T, got *torch.Tensor, what string) {
	t.Helper()
	if !assert.Equal(t, v.Shape, got.Shape(), what) {
		return
	}
	for i, x := range got.Float64s() {
		assertClose(t, v.Values[i], x, what)
	}
}

func (p trace) check(t *testing.T, got *torch.Tensor, what string) {
	t.Helper()
	if !assert.NotNil(t, got, what) {
		return
	}
	var sum, dot float64
	for i, x := range got.Float64s() {
		sum += x
		dot += x * torchtest.RampAt(i, 9)
	}
	assertClose(t, p.Sum, sum, what+": sum")
	assertClose(t, p.Dot, dot, what+": dot")
}

func sum256(t *torch.Tensor) string {
	sum := sha256.Sum256(t.Bytes())
	return hex.EncodeToString(sum[:])
}

func keys(d *torch.Dict) []string {
	var ks []string
	for _, k := range d.Keys() {
		ks = append(ks, k.(string))
	}
	return ks
}
