// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
)

// WeightsChange holds the measures of a network and of its file with rounded weights, on
// the same samples.
type WeightsChange struct {
	Before *Evaluation `json:"before"`
	After  *Evaluation `json:"after"`
	// Rise is the loss after minus the loss before, in percent of the distance between
	// the network's loss and the constant's: the share that is lost of what was learned.
	Rise measure.Number `json:"rise"`
}

// MeasureWeights measures what the weights of an [Model.Export] change, as [Model.Evaluate]
// does. It writes no file. What options put before and after the network has no weights, so
// they are only checked.
func (m *Model) MeasureWeights(ctx context.Context, export ExportOptions, root string, all bool, o dataset.Options) (*WeightsChange, error) {
	if err := m.check(export); err != nil {
		return nil, err
	}
	before, err := m.Evaluate(ctx, root, all, o)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "etude-weights-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.onnx")
	if _, err := m.Export(path, ExportOptions{Weights: export.Weights}); err != nil {
		return nil, err
	}
	rounded, err := openONNX(path, m.Spec.Name)
	if err != nil {
		return nil, err
	}
	defer rounded.Close()
	after := *before
	if err := after.answer(ctx, rounded); err != nil {
		return nil, err
	}
	c := &WeightsChange{Before: before, After: &after}
	if after.Loss != before.Loss {
		c.Rise = 100 * (after.Loss - before.Loss) / max(before.ConstantLoss-before.Loss, before.Loss-before.ConstantLoss)
	}
	return c, nil
}

// Check returns an error if the loss rises by more than that many percent.
func (c *WeightsChange) Check(most float64) error {
	if float64(c.Rise) <= most {
		return nil
	}
	return fmt.Errorf("%s: rounded weights raise the loss on %s from %.6g to %.6g, which is %.2g %% of its distance to the constant's loss, %.6g, and more than the %g %% allowed",
		c.Before.Model, c.Before.Data, c.Before.Loss, c.After.Loss, c.Rise, c.Before.ConstantLoss, most)
}
