// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Measuring on a device copies the predictions once, however many samples there
// are, and gives the results of the CPU.
func TestMeasuringReadsOnce(t *testing.T) {
	device := torchtest.Accelerator(t)
	for _, s := range models.All() {
		samples := &data.Samples{In: s.In, Out: s.Out}
		for i := range 70 {
			x, y := make([]float32, s.In), make([]float32, s.Out)
			for k := range x {
				x[k] = float32((i*7+k*3)%11)/11 - 0.5
			}
			for k := range y {
				y[k] = float32((i*5+k*2)%9+1) / 10
			}
			samples.Append("made up", "made up", x, y)
		}
		mean := measure.Mean(samples.Y, s.Out)
		measureAt := func(d torch.Device) (measured, torchtest.Traffic) {
			torch.ManualSeed(1)
			model, set := s.New(d), samples.Tensors(d)
			defer set.Close()
			before := torchtest.PretendTraffic()
			m, err := measureOn(s, model, set, samples, mean)
			require.NoError(t, err)
			return m, torchtest.PretendTraffic().Since(before)
		}
		want, _ := measureAt(torch.CPU)
		got, traffic := measureAt(device)
		torchtest.SameNumbers(t, device, []float64{want.constantLoss}, []float64{got.constantLoss}, s.Name)
		if torchtest.IsPretend(device) {
			assert.Equal(t, text(t, want.Measures), text(t, got.Measures), s.Name)
			// The constant there, its loss and the predictions back.
			assert.Equal(t, torchtest.Traffic{ToDevice: 1, Reads: 1, ToHost: 1, Calls: traffic.Calls}, traffic, s.Name)
		}
	}
}

// text is a value as JSON, in which NaN is equal to itself.
func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}
