// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// noisy is a network with dropout, whose masks come from the random generator.
type noisy struct {
	FC1     *nn.Linear
	Dropout *nn.Dropout
	FC2     *nn.Linear
}

func (n *noisy) Forward(x *torch.Tensor) *torch.Tensor {
	return n.FC2.Forward(n.Dropout.Forward(n.FC1.Forward(x).Tanh()))
}

// weights reads model.pt of a network in a run folder.
func weights(t *testing.T, run, network string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run, network, trainer.ModelFile))
	require.NoError(t, err)
	return string(text)
}

// A network with dropout ends with the bits that it has alone, whatever is trained beside
// and before it.
func TestBitsBesideOthers(t *testing.T) {
	torchtest.Need(t)
	spec, err := models.ByName("swap")
	require.NoError(t, err)
	spec.New = func(d torch.Device) nn.Module {
		return &noisy{nn.NewLinear(2, 16, d), nn.NewDropout(0.5), nn.NewLinear(16, 2, d)}
	}
	plan := &runs.Plan{}
	alone := map[string]string{}
	for seed := range uint64(6) {
		one := runs.Training{Options: runs.Options{Out: t.TempDir(), Jobs: 3}, Spec: spec, Settings: runs.Defaults(spec)}
		one.Settings.Seed, one.Settings.Epochs = seed, 5
		_, err := one.Run(t.Context())
		require.NoError(t, err)
		text := weights(t, one.Out, "swap")
		one.Out = t.TempDir()
		alone[one.Out] = text
		plan.Trainings = append(plan.Trainings, one)
	}
	_, err = plan.Run(t.Context())
	require.NoError(t, err)
	for out, want := range alone {
		assert.Equal(t, want, weights(t, out, "swap"))
	}
}

// A sweep that was interrupted keeps what has ended, continues the rest, and ends as one
// without a break; each run is one as a plan of its own makes it.
func TestSweepContinues(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains three sweeps; TestBitsBesideOthers has what the race detector looks for")
	}
	torchtest.Need(t)
	torchtest.NoLeaks(t)
	sweep, err := runs.ParseSweep("0-2,7", []string{"lr=0.05,1e-2"})
	require.NoError(t, err)
	whole := runs.Options{Data: t.TempDir(), Out: t.TempDir(), Jobs: 2}
	want, err := sweep.Run(t.Context(), whole, epochs(30), "swap")
	require.NoError(t, err)
	require.Len(t, want.Combinations, 2)
	assert.Equal(t, map[string]float64{"lr": 0.05}, want.Combinations[0].Settings)
	assert.Equal(t, 4, want.Combinations[0].Measures["val_loss"].N)
	for _, c := range want.Combinations {
		for _, r := range c.Runs {
			one := epochs(30)
			lr := c.Settings["lr"]
			one.Seed, one.LR = &r.Seed, &lr
			plan, err := runs.NewPlan(runs.Options{Data: whole.Data, Out: t.TempDir()}, one, "swap")
			require.NoError(t, err)
			_, err = plan.Run(t.Context())
			require.NoError(t, err)
			assert.Equal(t, weights(t, plan.Trainings[0].Out, "swap"), weights(t, filepath.Dir(filepath.Join(whole.Out, r.Folder)), "swap"), r.Folder)
		}
	}
	_, err = sweep.Run(t.Context(), whole, epochs(30), "swap")
	assert.ErrorContains(t, err, "holds the finished training of swap")

	// Interrupted in the middle of a run, after at least one has ended.
	ctx, stop := context.WithCancelCause(t.Context())
	ended := 0
	broken := whole
	broken.Out = t.TempDir()
	broken.Jobs = 1 // so that events need no lock
	broken.OnEvent = func(e runs.Event) {
		switch {
		case e.Stage == runs.Waiting: // thousands of folders would take long
			assert.DirExists(t, filepath.Join(broken.Out, "lr=0.05", "seed-0"))
			assert.NoDirExists(t, filepath.Join(broken.Out, "lr=0.05", "seed-1"))
			listed, err := os.ReadFile(runs.SweepFile(broken.Out))
			assert.NoError(t, err)
			assert.Equal(t, 8, strings.Count(string(listed), `"done": false`))
			assert.NotContains(t, string(listed), `"val_loss"`)
		case e.Stage == runs.Fitted:
			ended++
		case e.Stage == runs.Fitting && ended == 3 && e.Done == 4:
			stop(errors.New("stop"))
		}
	}
	part, err := sweep.Run(ctx, broken, epochs(30), "swap")
	require.Error(t, err)
	assert.Equal(t, 3, part.Combinations[0].Measures["val_loss"].N)
	assert.Empty(t, part.Combinations[1].Measures)
	assert.Contains(t, part.Combinations[1].Runs[3].Error, "interrupted")
	assert.Nil(t, part.Combinations[1].Runs[3].Result)
	kept := filepath.Join(broken.Out, part.Combinations[0].Runs[0].Folder, "summary.json")
	before, err := os.Stat(kept)
	require.NoError(t, err)

	litter := filepath.Join(broken.Out, ".sweep.json.tmp-AAAAAAAAAA") // of a killed process
	require.NoError(t, os.WriteFile(litter, nil, 0o600))
	var said []string
	broken.Resume, broken.Data, broken.Jobs = true, "", 2
	broken.OnEvent = func(e runs.Event) {
		if e.Stage == runs.Notice && e.Run == "" {
			said = append(said, e.String())
		}
	}
	again, found, err := runs.LoadSweep(broken.Out)
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, sweep, again)
	got, err := again.Run(t.Context(), broken, runs.Overrides{}, "swap")
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.NoFileExists(t, litter)
	assert.Contains(t, said, "swap: 3 of 8 runs have ended before and are kept")
	after, err := os.Stat(kept)
	require.NoError(t, err)
	assert.Equal(t, before.ModTime(), after.ModTime())
	for _, c := range want.Combinations {
		for _, r := range c.Runs {
			assert.Equal(t, weights(t, filepath.Dir(filepath.Join(whole.Out, r.Folder)), "swap"), weights(t, filepath.Dir(filepath.Join(broken.Out, r.Folder)), "swap"), r.Folder)
		}
	}
	// More epochs are another result.
	got, err = again.Run(t.Context(), broken, epochs(31), "swap")
	require.NoError(t, err)
	assert.InDelta(t, 31, float64(got.Combinations[0].Measures["epochs"].Mean), 0)
}

// A run that fails does not end the others, and is named.
func TestSweepWithAFailure(t *testing.T) {
	torchtest.Need(t)
	o := runs.Options{Data: t.TempDir(), Out: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(o.Out, "seed-1"), nil, 0o600))
	s, err := runs.Sweep{Seeds: []uint64{0, 1, 2}}.Run(t.Context(), o, epochs(2), "swap")
	assert.EqualError(t, err, "1 of 3 runs failed: swap seed-1")
	require.NotNil(t, s)
	for i, r := range s.Combinations[0].Runs {
		assert.Equal(t, i != 1, r.Done)
		assert.Equal(t, i == 1, strings.Contains(r.Error, "not a directory"), r.Error)
	}
	assert.Equal(t, 2, s.Combinations[0].Measures["val_loss"].N)

	// What all read, and cannot, is reported once.
	var said []string
	o.OnEvent = func(e runs.Event) {
		if e.Stage == runs.Failed {
			said = append(said, e.String())
		}
	}
	o.Out = t.TempDir()
	_, err = runs.Sweep{Seeds: []uint64{0, 1}}.Run(t.Context(), o, epochs(2), "melody")
	assert.EqualError(t, err, "2 of 2 runs failed: melody seed-0, melody seed-1")
	assert.Len(t, said, 1, fmt.Sprint(said))

	// The file keeps the results of one network when another is trained.
	s, err = runs.Sweep{Seeds: []uint64{0, 1}}.Run(t.Context(), o, epochs(2), "swap")
	require.NoError(t, err)
	require.Len(t, s.Combinations, 2)
	assert.NotEmpty(t, s.Combinations[0].Runs[0].Error, "of melody")
	assert.Equal(t, 2, s.Combinations[1].Measures["val_loss"].N)

	// Another process may train other networks into the folder at the same time.
	var other *runs.SweepSummary
	beside := o
	beside.OnEvent = func(e runs.Event) {
		if e.Stage == runs.Read {
			other, err = runs.Sweep{Seeds: []uint64{0, 1}}.Run(t.Context(), runs.Options{Data: o.Data, Out: o.Out, Force: true}, epochs(2), "swap")
			assert.NoError(t, err)
		}
	}
	s, err = runs.Sweep{Seeds: []uint64{0, 1}}.Run(t.Context(), beside, epochs(2), "melody")
	assert.EqualError(t, err, "2 of 2 runs failed: melody seed-0, melody seed-1")
	require.Len(t, s.Combinations, 2)
	assert.Equal(t, other.Combinations[1], s.Combinations[0])

	// A network that cannot be planned, while another can, is reported once.
	o.Out, said = t.TempDir(), nil
	_, err = runs.Sweep{Seeds: []uint64{0}}.Run(t.Context(), o, epochs(2), "swap")
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(o.Out, "seed-0", "melody"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(o.Out, "seed-0", "melody", "config.json"), []byte("{"), 0o600))
	o.Resume = true
	_, err = runs.Sweep{Seeds: []uint64{0}}.Run(t.Context(), o, epochs(2), "swap", "melody")
	assert.EqualError(t, err, "1 of 2 runs failed: melody seed-0")
	require.Len(t, said, 1)
	assert.Contains(t, said[0], "seed-0: ")
	assert.Contains(t, said[0], "config.json")

	// Those that fail side by side are named in their order, as far as a line holds them.
	full := runs.Options{Data: o.Data, Out: t.TempDir(), Jobs: 4}
	var names []string
	for seed := range 22 {
		names = append(names, fmt.Sprint("swap seed-", seed))
		require.NoError(t, os.WriteFile(filepath.Join(full.Out, fmt.Sprint("seed-", seed)), nil, 0o600))
	}
	many, err := runs.ParseSweep("0-21", nil)
	require.NoError(t, err)
	_, err = many.Run(t.Context(), full, epochs(2), "swap")
	assert.EqualError(t, err, "22 of 22 runs failed: "+strings.Join(names[:20], ", ")+", and 2 more")
}

// A run beside a sweep is not taken for it.
func TestLoadSweep(t *testing.T) {
	run := t.TempDir()
	require.NoError(t, os.WriteFile(runs.SweepFile(run), []byte(`{"seeds": [1]}`), 0o600))
	w, found, err := runs.LoadSweep(run)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, runs.Sweep{Seeds: []uint64{1}}, w)
	require.NoError(t, os.Mkdir(filepath.Join(run, "emotion"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(run, "emotion", trainer.LastFile), nil, 0o600))
	_, _, err = runs.LoadSweep(run)
	assert.ErrorContains(t, err, "holds a sweep, and a run of emotion beside it: name Sweep.Seeds and Sweep.Grid")
}

func TestSweepCheck(t *testing.T) {
	assert.NoError(t, runs.Sweep{Seeds: []uint64{}}.Check(epochs(2)))
	assert.EqualError(t, runs.Sweep{Grid: []runs.Axis{{Name: "lr"}}}.Check(epochs(2)), "Sweep.Grid lr has no values; give it some")
}
