// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// begun interrupts a run with every state there is after 6 steps.
func begun(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	r := newTrial(1, torch.CPU, dir)
	defer r.close()
	everyState(0, r)
	_, err := r.Fit(r.interruptAfter(6))
	require.ErrorIs(t, err, errTest)
	return dir
}

// Every setting that matters is compared, and each difference is reported.
func TestChangedSettings(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := begun(t)
	for want, change := range map[string]func(*trial){
		"batch size was 8, is 7; accumulate was 3, is 4;": func(r *trial) { r.BatchSize, r.Accumulate = 7, 4 },
		"clip norm was 0.5, is 0;":                        func(r *trial) { r.ClipNorm = 0 },
		"scheduler was CosineAnnealingLR(TMax 3, EtaMin 0.001), is none;": func(r *trial) {
			r.Scheduler = nil
		},
		"scheduler was CosineAnnealingLR(TMax 3, EtaMin 0.001), is StepLR(StepSize 2, Gamma 0.1);": func(r *trial) {
			r.Scheduler = optim.NewStepLR(r.Optimizer, optim.DefaultStepLR(2))
		},
		"optimizer group 0 lr was 0.02, is 0.03; optimizer group 0 weight_decay was 0, is 0.1;": func(r *trial) {
			g := &r.Optimizer.(*optim.Adam).Groups()[0].Config
			g.LR, g.WeightDecay = 0.03, 0.1
		},
		"optimizer type was *optim.Adam, is *optim.SGD;": func(r *trial) {
			r.Optimizer = optim.NewSGD(nn.Parameters(r.Model), optim.SGDConfig{LR: 0.02})
			everyState(0, r)
		},
		"model 2.layer was nn.Dropout(P 0.2), is nn.Dropout(P 0.3);": func(r *trial) {
			r.Model.(nn.Sequential)[2] = nn.NewDropout(0.3)
		},
		"model 1.layer was nn.Tanh, is nn.ReLU;": func(r *trial) { r.Model.(nn.Sequential)[1] = nn.ReLU{} },
		"training data is not the same;":         func(r *trial) { inMemory(r.Train).Fingerprint = "x" },
	} {
		r := newTrial(1, torch.CPU, dir)
		everyState(0, r)
		change(r)
		r.Resume = true
		before := stateOf(r.Model)
		_, err := r.Fit(context.Background())
		require.ErrorContains(t, err, filepath.Join(dir, "last.pt")+" cannot be continued: "+want+" continue with what it began with")
		assert.Equal(t, before, stateOf(r.Model))
		r.close()
	}

	// What may change, silently or with a notice.
	_, notices, err := fit(t, dir, func(r *trial) {
		everyState(0, r)
		r.Resume, r.Epochs, r.Threads, r.Stop, r.KeepBest, r.ReadEvery, r.KeepLast = true, 5, 2, &EarlyStopping{Patience: 3, MinDelta: 1e-3}, 1, 9, true
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"threads: it was 1, is 2: the last bits may differ from those of a run without a break"}, notices)
}

// Settings in a file may contain themselves.
func TestSettingsWithoutEnd(t *testing.T) {
	endless := torch.NewDict()
	endless.Set("model", endless)
	assert.Len(t, changes(endless, torch.NewDict("model", torch.NewDict())), 1)
}

// A set that was put together by hand is recognised by its elements.
func TestChangedElements(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := t.TempDir()
	for i, want := range []string{"", "", "validation data is not the same", "training data is not the same"} {
		_, _, err := fit(t, dir, func(r *trial) {
			inMemory(r.Train).Fingerprint, inMemory(r.Val).Fingerprint = "", ""
			r.Resume = true
			torch.Scope(func() {
				switch i {
				case 2:
					inMemory(r.Val).Y.Narrow(0, 8, 1).FillInPlace(2)
				case 3:
					inMemory(r.Train).X.Narrow(0, 24, 1).FillInPlace(0.123)
				}
			})
		})
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
}

// The same optimizer may continue in the same process: it takes the state of the file.
func TestResumeInTheSameProcess(t *testing.T) {
	torchtest.NoLeaks(t)
	whole := newTrial(1, torch.CPU, t.TempDir())
	everyState(0, whole)
	defer whole.close()
	_, err := whole.Fit(context.Background())
	require.NoError(t, err)

	r := newTrial(1, torch.CPU, t.TempDir())
	everyState(0, r)
	defer r.close()
	_, err = r.Fit(r.interruptAfter(6))
	require.ErrorIs(t, err, errTest)
	require.NotEqual(t, 0.02, r.Optimizer.LR())
	r.Resume, r.AroundStep = true, nil
	_, err = r.Fit(context.Background())
	require.NoError(t, err)
	assert.Equal(t, whole.everything(t), r.everything(t))
}

// Override continues with the new settings and reports that.
func TestOverride(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := begun(t)
	h, notices, err := fit(t, dir, func(r *trial) {
		everyState(0, r)
		r.Resume, r.Override, r.ClipNorm = true, true, 0.25
		r.Scheduler = nil
		g := &r.Optimizer.(*optim.Adam).Groups()[0].Config
		g.LR, g.WeightDecay = 0.003, 0.1
		r.OnEpoch = func(Epoch) error {
			assert.Equal(t, 0.1, g.WeightDecay)
			return nil
		}
	})
	require.NoError(t, err)
	require.Len(t, notices, 1)
	assert.Equal(t, "clip norm was 0.5, is 0.25; scheduler was CosineAnnealingLR(TMax 3, EtaMin 0.001), is none; "+
		"optimizer group 0 lr was 0.02, is 0.003; optimizer group 0 weight_decay was 0, is 0.1: from here on it is another run than the one that was begun", notices[0])
	assert.Equal(t, []float64{0.02, 0.003, 0.003, 0.003}, h.list("learning_rates"))

	// From now on these are the run's.
	_, notices, err = fit(t, dir, func(r *trial) {
		everyState(0, r)
		r.Resume, r.ClipNorm, r.Scheduler, r.Epochs = true, 0.25, nil, 5
		g := &r.Optimizer.(*optim.Adam).Groups()[0].Config
		g.LR, g.WeightDecay = 0.003, 0.1
	})
	require.NoError(t, err)
	assert.Empty(t, notices)

	// It does not help against other data or another order of it.
	_, _, err = fit(t, begun(t), func(r *trial) {
		everyState(0, r)
		r.Resume, r.Override, r.Seed, r.ClipNorm = true, true, 6, 1
	})
	require.ErrorContains(t, err, "cannot be continued: seed was 5, is 6; continue")
}

// A refusal names Run.Override where that lifts it, and only there.
func TestRefusalNamesOverride(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, c := range map[string]struct {
		change func(*trial)
		helps  bool
	}{
		"clip norm":     {func(r *trial) { r.ClipNorm = 1 }, true},
		"scheduler":     {func(r *trial) { r.Scheduler = nil }, true},
		"learning rate": {func(r *trial) { r.Optimizer.SetLR(0.5) }, true},
		"seed":          {func(r *trial) { r.Seed = 6 }, false},
		"both":          {func(r *trial) { r.Seed, r.ClipNorm = 6, 1 }, false},
	} {
		dir := begun(t)
		for _, override := range []bool{false, true} {
			_, _, err := fit(t, dir, func(r *trial) {
				everyState(0, r)
				c.change(r)
				r.Resume, r.Override = true, override
			})
			if override && c.helps {
				require.NoError(t, err, name)
				continue
			}
			var refused *ResumeError
			require.ErrorAs(t, err, &refused, name)
			assert.Equal(t, c.helps, refused.Overridable, name)
			assert.Equal(t, c.helps, strings.Contains(err.Error(), "set Run.Override"), "%s: %v", name, err)
		}
	}
}

// What chooses other kernels is part of the environment, and a change of it is
// noted when the run continues.
func TestInstructionSetsAreNoted(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := begun(t)
	t.Setenv("MKL_CBWR", "COMPATIBLE") // too late to change anything in this process
	_, notices, err := fit(t, dir, func(r *trial) {
		everyState(0, r)
		r.Resume = true
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"$MKL_CBWR: it was not set, is COMPATIBLE: the last bits may differ from those of a run without a break"}, notices)

	path := filepath.Join(dir, "last.pt")
	d, err := pt.LoadDict(path)
	require.NoError(t, err)
	defer closeTensors(d)
	etude, err := torch.Value[*torch.Dict](d, "etude")
	require.NoError(t, err)
	environment, err := torch.Value[*torch.Dict](etude, "environment")
	require.NoError(t, err)
	now, _ := environment.Get("cpu_capability")
	assert.Equal(t, torch.CPUCapability(), now)
	environment.Set("cpu_capability", "ANOTHER")
	other := filepath.Join(t.TempDir(), "other.pt")
	require.NoError(t, pt.Save(other, d))
	_, notices, err = fit(t, "", func(r *trial) {
		everyState(0, r)
		r.ResumeFrom, r.KeepBest = other, 0
	})
	require.NoError(t, err)
	assert.Contains(t, notices, "cpu_capability: it was ANOTHER, is "+torch.CPUCapability()+": the last bits may differ from those of a run without a break")
}
