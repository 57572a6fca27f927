// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Within SaveInterval nothing is saved but what is asked for. At the end the files are
// those of a run that saved after every epoch, whatever ended it.
func TestSaveInterval(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, end := range map[string]func(r *trial) context.Context{
		"all epochs": func(r *trial) context.Context { return context.Background() },
		"a request": func(r *trial) context.Context {
			step := 0
			r.AroundStep = func(f func()) {
				if step++; step == 6 {
					r.Control.RequestSave()
				}
				f()
			}
			return context.Background()
		},
		"the context": func(r *trial) context.Context { return r.interruptAfter(10) },
		"a hook": func(r *trial) context.Context {
			r.OnBatch = func(epoch, step int, _ Result) error {
				if epoch == 2 && step == 1 {
					return errTest
				}
				return nil
			}
			return context.Background()
		},
		"NaN": func(r *trial) context.Context {
			step := 0
			r.AroundStep = func(f func()) {
				if step++; step == 10 {
					torch.NoGrad(func() { nn.Parameters(r.Model)[0].FillInPlace(math.NaN()) })
				}
				f()
			}
			return context.Background()
		},
	} {
		var states [2]map[string]any
		var lists [2][]Saved
		var errs [2]error
		for i, interval := range []time.Duration{time.Hour, -1} {
			dir := t.TempDir()
			r := newTrial(1, torch.CPU, dir)
			r.KeepBest, r.Rank, r.SaveInterval, r.Control = 2, ranks(4, 1, 3, 2), interval, new(Control)
			ctx := end(r)
			r.OnEpoch = func(e Epoch) error {
				switch {
				case name == "a request" && e.Index > 0:
				case interval < 0 && e.Index > 0:
					require.NoError(t, waitForSave(dir, e.Index-1, 0), name)
				default:
					list, err := ListCheckpoints(dir)
					require.NoError(t, err)
					require.Empty(t, list, name)
				}
				return nil
			}
			_, errs[i] = r.Fit(ctx)
			states[i] = r.everything(t)
			list, err := ListCheckpoints(dir)
			require.NoError(t, err)
			for _, s := range list {
				s.SHA256, s.Bytes = "", 0 // of times, too
				lists[i] = append(lists[i], s)
			}
			r.close()
		}
		assert.Equal(t, fmt.Sprint(errs[1]), fmt.Sprint(errs[0]), name)
		assert.Equal(t, states[1], states[0], name)
		assert.Equal(t, lists[1], lists[0], name)
		assert.Greater(t, len(lists[0]), 2, name)
	}
}
