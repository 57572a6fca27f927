// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/torch/wholefile"
)

// A write of best.pt that fails once is made up for by the next save, or at the
// end; one that fails always ends the run with an error that names the file.
func TestFailedBestIsMadeUpFor(t *testing.T) {
	torchtest.NoLeaks(t)
	want, _, err := fit(t, t.TempDir(), func(*trial) {})
	require.NoError(t, err)
	require.Equal(t, 2, want.BestEpoch, "one save after it, and the end")
	for _, failures := range []int{1, 2, 99} {
		dir, left := t.TempDir(), atomic.Int32{}
		newDraft = func(path string, write func(io.Writer) error) (*wholefile.Draft, error) {
			if left.Load() > 0 && filepath.Base(path) == "best.pt" {
				left.Add(-1)
				return nil, syscall.ENOSPC
			}
			return wholefile.NewDraft(path, write)
		}
		t.Cleanup(func() { newDraft = wholefile.NewDraft })
		_, notices, err := fit(t, dir, func(r *trial) {
			r.SaveInterval = -1
			r.OnEpoch = func(e Epoch) error {
				if e.Index == want.BestEpoch {
					require.NoError(t, waitForSave(dir, 1, 0))
					left.Store(int32(failures))
				}
				return nil
			}
		})
		require.NotEmpty(t, notices)
		if failures == 99 {
			require.ErrorContains(t, err, filepath.Join(dir, "best.pt")+": no space left on device")
			left.Store(0)
			_, _, err = fit(t, dir, func(r *trial) { r.Resume = true })
		}
		require.NoError(t, err)
		list, err := ListCheckpoints(dir)
		require.NoError(t, err)
		assert.Equal(t, []string{"last.pt (epoch 4)", "best.pt (epoch 3)"}, []string{list[0].String(), list[1].String()}, failures)
	}
}

// A best.pt that is not of the best epoch is repaired when the run continues.
func TestBestIsRepaired(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, epochs := range map[string]int{"from last.pt": 1, "weights alone": 4} {
		dir := t.TempDir()
		h, _, err := fit(t, dir, func(r *trial) {
			r.Epochs = epochs
			if epochs == 4 { // the last epoch is not the best
				r.OnEpoch = func(e Epoch) error {
					if e.Index == 3 {
						torch.NoGrad(func() { r.parameter(3).FillInPlace(1) })
					}
					return nil
				}
			}
		})
		require.NoError(t, err)
		path := filepath.Join(dir, "best.pt")
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		if epochs == 4 && h.BestEpoch == 3 {
			t.Fatal("the last epoch is the best: the test shows nothing")
		}
		require.NoError(t, os.Remove(path))
		_, notices, err := fit(t, dir, func(r *trial) { r.Epochs, r.Resume = epochs, true })
		require.NoError(t, err)
		require.Len(t, notices, 1, name)
		assert.Contains(t, notices[0], fmt.Sprintf("best.pt was not of the best epoch, %d: it has been written again", h.BestEpoch+1))
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		if epochs == 1 {
			assert.Equal(t, good, now)
			continue
		}
		r, model := newTrial(7, torch.CPU, ""), newTrial(8, torch.CPU, "")
		c, err := LoadCheckpoint(path, r.Model, nil)
		require.NoError(t, err)
		assert.Equal(t, h.BestEpoch, c.Epoch)
		d, err := pt.LoadDict(filepath.Join(dir, "model.pt"))
		require.NoError(t, err)
		require.NoError(t, nn.LoadStateDict(model.Model, d))
		closeTensors(d)
		assert.Equal(t, stateOf(model.Model), stateOf(r.Model))
		r.close()
		model.close()
	}
}

// A run whose folder is renamed goes on in it and ends with an error; another run
// that begins under the old name meanwhile has that folder for itself.
func TestRenamedFolder(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, at := range []string{"epoch", "step", "end"} {
		base := t.TempDir()
		dir, moved := filepath.Join(base, "run"), filepath.Join(base, "old")
		move := func() {
			require.NoError(t, os.Rename(dir, moved))
			var wg sync.WaitGroup
			wg.Go(func() { // on a thread of its own
				_, _, err := fit(t, dir, func(r *trial) { r.Seed, r.Epochs = 77, 1 })
				assert.NoError(t, err)
			})
			wg.Wait()
		}
		h, _, err := fit(t, dir, func(r *trial) {
			r.SaveInterval = -1
			steps := 0
			r.OnEpoch = func(e Epoch) error {
				if at == "epoch" && e.Index == 1 {
					move()
				}
				return nil
			}
			r.AroundStep = func(step func()) {
				step()
				if steps++; at == "step" && steps == 6 || at == "end" && steps == 16 {
					move()
				}
			}
		})
		require.ErrorIs(t, err, ErrMoved, at)
		require.ErrorContains(t, err, moved)
		assert.Equal(t, map[string]int{"epoch": 2, "step": 2, "end": 4}[at], h.Len())

		seedOf := func(path string) (seed int) {
			d, err := pt.LoadDict(path)
			require.NoError(t, err)
			defer closeTensors(d)
			etude, err := torch.Value[*torch.Dict](d, "etude")
			require.NoError(t, err)
			settings, err := torch.Value[*torch.Dict](etude, "settings")
			require.NoError(t, err)
			seed, err = torch.Value[int](settings, "seed")
			require.NoError(t, err)
			return seed
		}
		for _, name := range []string{"last.pt", "best.pt"} {
			assert.Equal(t, 77, seedOf(filepath.Join(dir, name)), at)
			assert.Equal(t, 5, seedOf(filepath.Join(moved, name)), at)
		}
		other, err := LoadHistory(filepath.Join(dir, "history.json"))
		require.NoError(t, err)
		assert.Equal(t, 1, other.Len())

		// It is continued under its new name, to the same end.
		whole, _, err := fit(t, t.TempDir(), func(*trial) {})
		require.NoError(t, err)
		end, _, err := fit(t, moved, func(r *trial) { r.Resume = true })
		require.NoError(t, err)
		assert.Equal(t, whole.list("val_losses"), end.list("val_losses"), at)
	}

	// A folder that is gone ends the run as well.
	dir := filepath.Join(t.TempDir(), "run")
	_, _, err := fit(t, dir, func(r *trial) {
		r.SaveInterval = -1
		r.OnEpoch = func(e Epoch) error {
			if e.Index == 1 {
				require.NoError(t, waitForSave(dir, 0, 0))
				time.Sleep(100 * time.Millisecond)
				require.NoError(t, os.RemoveAll(dir))
			}
			return nil
		}
	})
	require.ErrorIs(t, err, ErrMoved)
	require.ErrorContains(t, err, "nothing more can be saved")
	assert.NoDirExists(t, dir)
}
