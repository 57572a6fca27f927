// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// events collects what happens.
func events(list *[]runs.Event) func(runs.Event) {
	return func(e runs.Event) { *list = append(*list, e) }
}

func epochs(n int) runs.Overrides { return runs.Overrides{Epochs: &n} }

// Networks without data are passed over unless they are named, and then they fail
// without ending the others.
func TestPlanOfSeveralNetworks(t *testing.T) {
	torchtest.Need(t)
	var happened []runs.Event
	o := runs.Options{Data: t.TempDir(), Out: t.TempDir(), OnEvent: events(&happened)}
	plan, err := runs.NewPlan(o, epochs(2))
	require.NoError(t, err)
	require.Len(t, plan.Trainings, 1)
	assert.Equal(t, "swap", plan.Trainings[0].Spec.Name)
	require.Len(t, happened, len(models.All())-1)
	assert.Equal(t, "emotion: passed over: "+o.Data+" has no folder for it", happened[0].String())

	happened = nil
	plan, err = runs.NewPlan(o, epochs(2), "swap", "melody")
	require.NoError(t, err)
	require.Len(t, plan.Trainings, 2)
	summary, err := plan.Run(t.Context())
	assert.EqualError(t, err, "1 of 2 networks failed: melody")
	require.Contains(t, summary, "swap")
	assert.Equal(t, 2, summary["swap"].Epochs)
	stages := map[runs.Stage]int{}
	for _, e := range happened {
		stages[e.Stage]++
		if e.Stage == runs.Failed {
			assert.Equal(t, "melody", e.Network)
			assert.ErrorContains(t, e.Err, "no folder")
		}
	}
	assert.Equal(t, map[runs.Stage]int{runs.Read: 2, runs.Waiting: 1, runs.Fitting: 3, runs.Fitted: 1, runs.Failed: 1}, stages)

	happened = nil
	plan, err = runs.NewPlan(o, epochs(2), "emotion", "melody")
	require.NoError(t, err)
	assert.Len(t, plan.Trainings, 2, "reading them says what each is missing")
	assert.Empty(t, happened)
	_, err = runs.NewPlan(o, epochs(2), "tempo")
	assert.ErrorContains(t, err, `network "tempo" is not known`)
	_, err = runs.NewPlan(o, epochs(0), "swap")
	assert.ErrorContains(t, err, "Overrides.Epochs is 0")
}

// A run is continued with its own settings and ends as one without a break; a finished
// one is replaced with Force alone. Nothing that was computed stays in memory.
func TestPlanContinues(t *testing.T) {
	torchtest.Need(t)
	torchtest.NoLeaks(t)
	train := func(o runs.Options, settings runs.Overrides) (*runs.Entry, error) {
		plan, err := runs.NewPlan(o, settings, "swap")
		if err != nil {
			return nil, err
		}
		summary, err := plan.Run(t.Context())
		return summary["swap"], err
	}
	o := runs.Options{Data: t.TempDir(), Out: t.TempDir()}
	_, err := train(runs.Options{Out: o.Out, Resume: true}, runs.Overrides{})
	assert.ErrorIs(t, err, runs.ErrNoRun)
	settings := epochs(2)
	seed := uint64(7)
	settings.Seed = &seed
	_, err = train(o, settings)
	require.NoError(t, err)
	_, err = train(o, settings)
	assert.ErrorContains(t, err, "holds the finished training of swap")

	resume := runs.Options{Out: o.Out, Resume: true, SameDevice: true, Device: torch.CUDA(99)}
	continued, err := train(resume, epochs(4))
	require.NoError(t, err)
	assert.True(t, continued.Resumed)
	whole := o
	whole.Out = t.TempDir()
	settings.Epochs = epochs(4).Epochs
	want, err := train(whole, settings)
	require.NoError(t, err)
	assert.Equal(t, want.ValLoss, continued.ValLoss)
	assert.Equal(t, want.Measures, continued.Measures)
	o.Force = true
	_, err = train(o, settings)
	require.NoError(t, err)

	// Interrupted before it begins: nothing is lost, and the cause is the error.
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	plan, err := runs.NewPlan(resume, epochs(6), "swap")
	require.NoError(t, err)
	_, err = plan.Run(ctx)
	assert.ErrorIs(t, err, stop)
	assert.True(t, trainer.Finished(filepath.Join(o.Out, "swap")))

	report, err := plan.Trainings[0].VerifyResume(t.Context(), []int{1})
	require.NoError(t, err)
	assert.Nil(t, report.Difference)
}
