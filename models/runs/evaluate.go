// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/trainer"
)

// Evaluation holds the measures of a trained network on a data folder.
type Evaluation struct {
	Network string `json:"network"`
	Model   string `json:"model"` // the file
	Data    string `json:"data"`
	Samples int    `json:"samples"` // that were measured
	Groups  int    `json:"groups"`  // of these samples
	// Trained counts the samples of the folder that the network was trained on;
	// they are measured only if that was asked for. It is null where no samples.json
	// lists them: then all samples are measured.
	Trained *int        `json:"trained"`
	Skipped []data.Skip `json:"skipped"` // files that could not be used, and why
	Notes   []string    `json:"notes"`   // faults of files that were used all the same

	Loss         measure.Number `json:"loss"`
	ConstantLoss measure.Number `json:"constant_loss"`
	// BeatsConstant reports that the loss is below the constant's.
	BeatsConstant bool `json:"beats_constant"`
	// ConstantFrom names the targets whose mean is the constant prediction: "training"
	// or, where these are not known, "evaluated", which favours the constant.
	ConstantFrom string           `json:"constant_from"`
	Measures     measure.Measures `json:"measures"`
	Constant     measure.Measures `json:"constant"`
	Plots        []string         `json:"plots,omitempty"` // files

	Predictions, Targets, Mean []float32 `json:"-"` // rows of outputs; the constant

	inputs []float32 // rows
}

// ErrAllSeen reports that no sample is left to measure a network on, unless all samples
// are asked for.
var ErrAllSeen = errors.New("the network was trained on every sample, and would be measured by what it was shown")

// Evaluate measures a network on a data folder: on all samples, or on those that it was
// not trained on by its run's samples.json.
func (m *Model) Evaluate(ctx context.Context, root string, all bool, o dataset.Options) (*Evaluation, error) {
	samples, err := m.Spec.Source.Samples(ctx, root, o)
	if err != nil {
		return nil, err
	}
	e := &Evaluation{Network: m.Spec.Name, Model: m.Path, Data: root, Skipped: orEmpty(samples.Skipped), Notes: orEmpty(samples.Notes), ConstantFrom: "training"}
	trained, err := m.trainedOn(samples)
	if err != nil {
		return nil, err
	}
	var unseen []int
	for i := range samples.Len() {
		if trained == nil || !trained[i] {
			unseen = append(unseen, i)
		}
	}
	if trained != nil {
		n := samples.Len() - len(unseen)
		e.Trained = &n
	}
	switch {
	case all:
	case len(unseen) == 0:
		return nil, fmt.Errorf("%s: %s: %w", m.Spec.Name, root, ErrAllSeen)
	default:
		samples = samples.Select(unseen)
	}
	e.Samples, e.Groups, e.Targets, e.inputs = samples.Len(), groups(samples), samples.Y, samples.X
	if e.Mean, err = m.constant(); err != nil {
		return nil, err
	}
	if len(e.Mean) != m.Spec.Out {
		e.Mean, e.ConstantFrom = measure.Mean(samples.Y, m.Spec.Out), "evaluated"
	}
	return e, e.answer(ctx, m)
}

// answer measures m's predictions for the inputs.
func (e *Evaluation) answer(ctx context.Context, m *Model) (err error) {
	if e.Predictions, err = m.Forward(ctx, e.inputs); err != nil {
		return err
	}
	// Measures of such numbers are undefined.
	if n := notFinite(e.Predictions); n > 0 {
		return fmt.Errorf("%s: %d of the network's %d outputs for %d samples are not finite, so it cannot be measured; Model.Export names the weights that are not finite", m.Path, n, len(e.Predictions), e.Samples)
	}
	y := torch.FromSlice(e.Targets, e.Samples, m.Spec.Out)
	defer y.Close()
	found, err := measureRows(m.Spec, e.Predictions, e.Targets, e.Mean, y)
	if err != nil {
		return err
	}
	loss, err := lossOf(m.Spec, e.Predictions, y)
	e.Measures, e.Constant = found.Measures, found.Constant
	e.Loss, e.ConstantLoss = measure.Number(loss), measure.Number(found.constantLoss)
	e.BeatsConstant = loss < found.constantLoss
	return err
}

// notFinite counts the numbers that are infinite or not a number.
func notFinite(xs []float32) (n int) {
	for _, x := range xs {
		if x-x != 0 {
			n++
		}
	}
	return n
}

// lossOf returns the loss of rows of outputs, or of one that stands for all.
func lossOf(spec models.Spec, rows []float32, target *torch.Tensor) (value float64, err error) {
	err = torch.Try(func() {
		torch.NoGrad(func() {
			torch.Scope(func() {
				output := torch.FromSlice(rows, len(rows)/spec.Out, spec.Out).To(target.Device())
				value = spec.Loss(output.Expand(target.Shape()...).Contiguous(), target).Item()
			})
		})
	})
	return value, err
}

// measured holds what evaluation reports, of a network and of the constant.
type measured struct {
	*measure.Report
	constantLoss float64
}

// measureOn compares predictions for samples with their targets. mean is the
// constant prediction.
func measureOn(spec models.Spec, model nn.Module, set *data.Set, samples *data.Samples, mean []float32) (m measured, err error) {
	// A training that is done is measured, whatever happened meanwhile.
	predictions, _, err := trainer.Predict(context.Background(), model, set, set.Len(), nil)
	if err != nil {
		return m, err
	}
	return measureRows(spec, predictions, samples.Y, mean, set.Y)
}

// measureRows measures rows of predictions and, beside them, the constant prediction.
// y holds the targets as a tensor.
func measureRows(spec models.Spec, predictions, targets, mean []float32, y *torch.Tensor) (m measured, err error) {
	if m.Report, err = spec.Measure(predictions, targets, mean); err == nil {
		m.constantLoss, err = lossOf(spec, mean, y)
	}
	return m, err
}

// trainedOn marks the samples that the network was trained on: those with the input
// and the target of a training sample, whatever their names. A validation sample that
// equals a training sample counts as unseen, so that the measures of a run's own data
// are the run's own. The result is nil where there is no list.
func (m *Model) trainedOn(s *data.Samples) ([]bool, error) {
	var list sampleList
	if found, err := readJSON(folder(filepath.Dir(m.Path)).file(samplesFile), &list); err != nil || !found {
		return nil, err
	}
	trained := make([]bool, s.Len())
	type content struct{ input, target string }
	seen, heldBack := map[content]bool{}, map[sampleID]bool{}
	for _, t := range list.Train {
		seen[content{t.Input, t.Target}] = true
	}
	for _, v := range list.Val {
		heldBack[v] = true
	}
	for i, id := range identify(s) {
		trained[i] = seen[content{id.Input, id.Target}] && !heldBack[id]
	}
	return trained, nil
}
