// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/torchtest"
)

// learned is a source whose targets are what a network answers: its loss is 0, and any
// rounding raises it.
type learned struct {
	dataset.Source
	m *Model
}

func (l learned) Samples(ctx context.Context, _ string, _ dataset.Options) (*data.Samples, error) {
	const n = 40
	x := torchtest.Ramp(1, n, l.m.Spec.In).Float32s()
	y, err := l.m.Forward(ctx, x)
	if err != nil {
		return nil, err
	}
	s := &data.Samples{}
	for i := range n {
		s.Append("made up", "made up", x[i*l.m.Spec.In:][:l.m.Spec.In], y[i*l.m.Spec.Out:][:l.m.Spec.Out])
	}
	return s, nil
}

// The measures with rounded weights are those of the file with them, whatever else it holds.
func TestMeasureWeights(t *testing.T) {
	torchtest.Need(t)
	ctx, m := context.Background(), emotion(t)
	m.Spec.Source = learned{m.Spec.Source, m}
	for _, d := range []torch.DType{torch.Float16, torch.Int8} {
		change, err := m.MeasureWeights(ctx, ExportOptions{Weights: d, WithReadout: true}, "made up", false, dataset.Options{})
		require.NoError(t, err)
		assert.Zero(t, change.Before.Loss)
		assert.Positive(t, change.After.Loss)
		assert.InDelta(t, float64(100*change.After.Loss/change.Before.ConstantLoss), float64(change.Rise), 1e-12)
		assert.NoError(t, change.Check(1))
		assert.ErrorContains(t, change.Check(0), "emotion.pt: rounded weights raise the loss on made up from 0 to ")
		t.Logf("%s: %v", d, change.Check(0))

		path := filepath.Join(t.TempDir(), "model.onnx")
		check, err := m.Export(path, ExportOptions{Weights: d})
		require.NoError(t, err)
		assert.Greater(t, check.Saved, 700_000)
		file, err := OpenModel(path, "")
		require.NoError(t, err)
		defer file.Close()
		file.Spec.Source = m.Spec.Source
		e, err := file.Evaluate(ctx, "made up", false, dataset.Options{})
		require.NoError(t, err)
		assert.Equal(t, text(t, change.After.Measures), text(t, e.Measures))
		assert.Equal(t, change.After.Loss, e.Loss)

		_, err = m.Export(path, ExportOptions{Weights: d, FromSamples: true, WithReadout: true})
		require.NoError(t, err)
		// The filters of the features are not rounded, and neither does it change ones and zeros.
		exported(t, features(t), ExportOptions{Weights: d, FromSamples: true})

		// What cannot be exported is not measured either.
		_, err = file.MeasureWeights(ctx, ExportOptions{Weights: d}, "nowhere", false, dataset.Options{})
		assert.ErrorContains(t, err, "it is an ONNX file already")
	}
}
