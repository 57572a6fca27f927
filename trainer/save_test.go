// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/torch/wholefile"
)

// ranks returns a function that gives the epochs these ranks.
func ranks(values ...float64) func(Epoch) float64 {
	return func(e Epoch) float64 { return values[e.Index] }
}

// listen collects notices.
func (r *trial) listen() *[]string {
	var notices []string
	r.OnNotice = func(text string) { notices = append(notices, text) }
	return &notices
}

// waitForSave waits until last.pt is of that epoch and step.
func waitForSave(dir string, epoch, step int) error {
	for range 30_000 {
		list, err := ListCheckpoints(dir)
		if err != nil {
			return err
		}
		if len(list) > 0 && list[0].Name == "last.pt" && list[0].Epoch == epoch && list[0].Step == step && list[0].State == FileWhole {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("no save of epoch %d, step %d in %s", epoch, step, dir)
}

func bestFiles(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "best-*.pt"))
	require.NoError(t, err)
	names := []string{}
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

// fit runs a trial of its own to its end.
func fit(t *testing.T, dir string, change func(*trial)) (h *History, notices []string, err error) {
	t.Helper()
	r := newTrial(1, torch.CPU, dir)
	defer r.close()
	heard := r.listen()
	change(r)
	h, err = r.Fit(context.Background())
	return h, *heard, err
}

func TestKeepBest(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := t.TempDir()
	values := []float64{5, 3, 4, 1, 3, math.NaN(), 0.5, 2}
	for _, c := range []struct {
		epochs int
		want   []string
	}{
		{4, []string{"best-0001.pt", "best-0003.pt"}},
		{6, []string{"best-0001.pt", "best-0003.pt"}}, // of two that are as good the first; NaN is none
		{8, []string{"best-0003.pt", "best-0006.pt"}},
	} {
		_, notices, err := fit(t, dir, func(r *trial) {
			r.KeepBest, r.Rank, r.Epochs, r.Resume = 2, ranks(values...), c.epochs, true
		})
		require.NoError(t, err)
		assert.Empty(t, notices)
		assert.Equal(t, c.want, bestFiles(t, dir))
	}
	list, err := ListCheckpoints(dir)
	require.NoError(t, err)
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
		assert.Equal(t, FileWhole, s.State)
		info, err := os.Stat(filepath.Join(dir, s.Name))
		require.NoError(t, err)
		assert.Equal(t, info.Size(), s.Bytes)
	}
	assert.Equal(t, []string{"last.pt", "best.pt", "best-0003.pt", "best-0006.pt"}, names)
	assert.Equal(t, []int{7, 3, 6}, []int{list[0].Epoch, list[2].Epoch, list[3].Epoch})

	// A run can continue from each of them and ends like the whole run.
	h, _, err := fit(t, t.TempDir(), func(r *trial) { r.Epochs = 8 })
	require.NoError(t, err)
	other, _, err := fit(t, t.TempDir(), func(r *trial) {
		r.Epochs, r.ResumeFrom = 8, filepath.Join(dir, "best-0003.pt")
	})
	require.NoError(t, err)
	assert.Equal(t, results(h, false), results(other, false))

	// Without Rank the watched loss decides.
	dir = t.TempDir()
	h, _, err = fit(t, dir, func(r *trial) { r.KeepBest = 1; r.Epochs = 6 })
	require.NoError(t, err)
	require.Less(t, h.BestEpoch, 5)
	best, err := os.ReadFile(filepath.Join(dir, "best.pt"))
	require.NoError(t, err)
	names = bestFiles(t, dir)
	require.Len(t, names, 1)
	same, err := os.ReadFile(filepath.Join(dir, names[0]))
	require.NoError(t, err)
	assert.Equal(t, best, same)
}

// Files that the run did not write, or that changed since, stay; and so does the
// one that it was continued from.
func TestForeignFilesStay(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := t.TempDir()
	mine := map[string]string{"last.pt": "mine 1", "best-0001.pt": "mine 2", "best-0999.pt": "mine 3", "best-0001-2.pt": "mine 4"}
	for name, text := range mine {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	rank := ranks(5, 4, 3, 2, 1, 0.5)
	_, notices, err := fit(t, dir, func(r *trial) { r.KeepBest, r.Rank, r.Epochs = 1, rank, 2 })
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "last.pt") + " was not written by this run, or changed since: it is now last-kept.pt"}, notices)
	mine["last-kept.pt"] = mine["last.pt"]
	delete(mine, "last.pt")
	assert.Equal(t, []string{"best-0001-2.pt", "best-0001-3.pt", "best-0001.pt", "best-0999.pt"}, bestFiles(t, dir))

	// A file of ours that somebody changed.
	mine["best-0001-3.pt"] = "mine 5"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "best-0001-3.pt"), []byte("mine 5"), 0o600))
	_, notices, err = fit(t, dir, func(r *trial) { r.KeepBest, r.Rank, r.Epochs, r.Resume = 1, rank, 3, true })
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "best-0001-3.pt") + " was changed since it was written: it stays"}, notices)

	// The one that was continued from is the worst of all.
	_, notices, err = fit(t, dir, func(r *trial) {
		r.KeepBest, r.Rank, r.Epochs, r.ResumeFrom = 1, rank, 5, filepath.Join(dir, "best-0002.pt")
	})
	require.NoError(t, err)
	assert.Empty(t, notices)
	assert.Equal(t, []string{"best-0001-2.pt", "best-0001-3.pt", "best-0001.pt", "best-0002.pt", "best-0004.pt", "best-0999.pt"}, bestFiles(t, dir))
	for name, text := range mine {
		have, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err, name)
		assert.Equal(t, text, string(have), name)
	}

	// Continued from best.pt, which a better epoch replaces.
	dir = t.TempDir()
	_, _, err = fit(t, dir, func(r *trial) { r.Epochs = 1 })
	require.NoError(t, err)
	path := filepath.Join(dir, "best.pt")
	before, err := hashFile(path)
	require.NoError(t, err)
	h, notices, err := fit(t, dir, func(r *trial) { r.ResumeFrom = path })
	require.NoError(t, err)
	require.Positive(t, h.BestEpoch, "or the test shows nothing")
	assert.Equal(t, []string{path + ", which the run was continued from, is now best-kept.pt"}, notices)
	kept, err := hashFile(filepath.Join(dir, "best-kept.pt"))
	require.NoError(t, err)
	assert.Equal(t, before, kept)
}

// The same run in another folder does not rank its checkpoints with those that are
// there. Another run in the same folder is refused unless it may replace the first
// one; then its checkpoints are removed, except those that were changed since.
func TestRankingIsForgotten(t *testing.T) {
	torchtest.NoLeaks(t)
	dir, other := t.TempDir(), t.TempDir()
	_, _, err := fit(t, dir, func(r *trial) { r.KeepBest, r.Rank, r.Epochs = 2, ranks(1, 2), 2 })
	require.NoError(t, err)
	_, notices, err := fit(t, other, func(r *trial) {
		r.KeepBest, r.Rank, r.Epochs, r.ResumeFrom = 1, ranks(1, 2, 4, 3), 4, filepath.Join(dir, "last.pt")
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"continued from " + filepath.Join(dir, "last.pt") + " in another folder, " + other + ": checkpoints in " + dir + " are not ranked with this run's"}, notices)
	assert.Equal(t, []string{"best-0003.pt"}, bestFiles(t, other))
	assert.Equal(t, []string{"best-0000.pt", "best-0001.pt"}, bestFiles(t, dir))

	before, err := os.ReadFile(filepath.Join(dir, "model.pt"))
	require.NoError(t, err)
	for range 2 {
		_, _, err = fit(t, dir, func(r *trial) { r.KeepBest, r.Rank, r.Epochs = 1, ranks(10, 9), 2 })
		require.ErrorContains(t, err, dir+" holds the results of a run that has ended")
		require.ErrorContains(t, err, "Run.Replace")
		// Without model.pt the history says that the run has ended.
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "model.pt")))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "model.pt"), before, 0o600))
	assert.Equal(t, []string{"best-0000.pt", "best-0001.pt"}, bestFiles(t, dir), "a refused run changes nothing")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "best-0001.pt"), []byte("mine"), 0o600))
	_, notices, err = fit(t, dir, func(r *trial) { r.Replace, r.KeepBest, r.Rank, r.Epochs = true, 1, ranks(10, 11), 2 })
	require.NoError(t, err)
	assert.Equal(t, []string{
		filepath.Join(dir, "best-0001.pt") + " was changed since it was written: it stays",
		dir + ": best-0000.pt, best-0001.pt of an earlier run: this run takes its place",
	}, notices)
	assert.Equal(t, []string{"best-0000.pt", "best-0001.pt"}, bestFiles(t, dir))
	list, err := ListCheckpoints(dir)
	require.NoError(t, err)
	require.Len(t, list, 3)
	assert.Equal(t, "best-0000.pt (epoch 1)", list[2].String())
}

// failing lets every write of a file called name fail as long as the result holds.
func failing(t *testing.T, name string) *atomic.Bool {
	var fails atomic.Bool
	newDraft = func(path string, write func(io.Writer) error) (*wholefile.Draft, error) {
		if fails.Load() && filepath.Base(path) == name {
			return nil, syscall.ENOSPC
		}
		return wholefile.NewDraft(path, write)
	}
	t.Cleanup(func() { newDraft = wholefile.NewDraft })
	return &fails
}

// A save that fails is reported together with the checkpoints to continue from. Training
// continues, and later saves are written.
func TestTrainingGoesOnWithoutSaving(t *testing.T) {
	torchtest.NoLeaks(t)
	whole := newTrial(1, torch.CPU, t.TempDir())
	defer whole.close()
	_, err := whole.Fit(context.Background())
	require.NoError(t, err)
	for _, blocked := range []string{"last.pt", "checkpoints.json"} {
		for _, until := range []int{2, 99} {
			dir := t.TempDir()
			block := failing(t, blocked)
			h, notices, err := fit(t, dir, func(r *trial) {
				r.KeepBest, r.SaveInterval = 2, -1
				r.OnEpoch = func(e Epoch) error {
					if e.Index == until {
						block.Store(false)
					}
					return nil
				}
				r.Control = new(Control)
				step := 0
				r.AroundStep = func(f func()) {
					switch step++; step {
					case 9: // the first of the third epoch
						r.Control.RequestSave()
					case 10: // that save has begun
						require.NoError(t, waitForSave(dir, 1, 1))
						block.Store(true)
					}
					f()
				}
			})
			assert.Equal(t, 4, h.Len())
			assert.Equal(t, StopCompleted, h.StopReason)
			list, e := ListCheckpoints(dir)
			require.NoError(t, e)
			require.Equal(t, FileWhole, list[0].State)
			if until == 2 {
				require.NoError(t, err)
				assert.Equal(t, 3, list[0].Epoch)
				continue
			}
			var failed *SaveError
			require.ErrorAs(t, err, &failed)
			require.ErrorContains(t, err, "whole and good to go on from: last.pt (epoch 2, then 1 steps), best.pt")
			assert.Equal(t, list, failed.Good)
			require.GreaterOrEqual(t, len(notices), 2)
			assert.Contains(t, notices[len(notices)-1], "Training goes on; the next save may do better")

			// Once there is room again, it ends as if nothing had been.
			block.Store(false)
			r := newTrial(9, torch.CPU, dir)
			r.Resume = true
			_, err = r.Fit(context.Background())
			require.NoError(t, err)
			assert.Equal(t, whole.everything(t), r.everything(t))
			r.close()
		}
	}
}

func TestLitterIsRemoved(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := t.TempDir()
	for name, ours := range map[string]bool{
		".model.pt.tmp-ABCDEFGH27": true, ".best.pt.tmp-ABCDEFGH27": true, ".config.json.tmp-ABCDEFGH27": true,
		".last.pt.tmp": false, "last.pt.tmp": false, ".last.pt.tmp-x": false, ".last.pt.tmp2": false,
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
		f, err := openFolder(dir)
		require.NoError(t, err)
		f.close()
		_, err = os.Stat(path)
		assert.Equal(t, ours, os.IsNotExist(err), name)
	}
}

func TestOneRunAFolder(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := t.TempDir()
	_, _, err := fit(t, dir, func(r *trial) {
		r.OnEpoch = func(Epoch) error {
			_, _, err := fit(t, dir, func(*trial) {})
			require.ErrorContains(t, err, "another run saves to "+dir)
			return ErrStop
		}
	})
	require.NoError(t, err)
	_, _, err = fit(t, dir, func(r *trial) { r.Replace = true })
	require.NoError(t, err)
}

// A request saves between steps; what it saves is continued exactly.
func TestControl(t *testing.T) {
	torchtest.NoLeaks(t)
	whole := newTrial(1, torch.CPU, t.TempDir())
	everyState(0, whole)
	defer whole.close()
	_, err := whole.Fit(context.Background())
	require.NoError(t, err)
	want := whole.everything(t)

	control := new(Control)
	control.RequestSave() // before Fit: nothing to save yet
	var dirs []string
	for range 2 { // one request reaches both
		dir, copied := t.TempDir(), t.TempDir()
		_, _, err = fit(t, dir, func(r *trial) {
			everyState(0, r)
			r.Control = control
			steps, notices := 0, r.OnNotice
			r.AroundStep = func(step func()) {
				step()
				if steps++; steps == 6 {
					control.RequestSave()
				}
			}
			r.OnNotice = func(text string) {
				notices(text)
				assert.Equal(t, "saved on request in epoch 2 of 4 after step 2 of 4", text)
				for _, name := range []string{"last.pt", "checkpoints.json"} {
					content, err := os.ReadFile(filepath.Join(dir, name))
					require.NoError(t, err)
					require.NoError(t, os.WriteFile(filepath.Join(copied, name), content, 0o600))
				}
				dirs = append(dirs, copied)
			}
		})
		require.NoError(t, err)
	}
	require.Len(t, dirs, 2)
	for _, dir := range dirs {
		list, err := ListCheckpoints(dir)
		require.NoError(t, err)
		require.Equal(t, FileWhole, list[0].State)
		assert.Equal(t, []int{0, 2}, []int{list[0].Epoch, list[0].Step})
		r := newTrial(77, torch.CPU, dir)
		everyState(0, r)
		r.Resume = true
		_, err = r.Fit(context.Background())
		require.NoError(t, err)
		assert.Equal(t, want, r.everything(t))
		r.close()
	}
}

// What is no checkpoint as it was written is not continued, and nothing else is in
// its place: the error names what could be.
func TestDamagedCheckpoints(t *testing.T) {
	torchtest.NoLeaks(t)
	make := func() string {
		dir := t.TempDir()
		_, _, err := fit(t, dir, func(r *trial) { r.KeepBest, r.Rank = 1, ranks(3, 1, 2, 4) })
		require.NoError(t, err)
		return dir
	}
	resume := func(dir string) error {
		_, _, err := fit(t, dir, func(r *trial) { r.Resume = true })
		return err
	}

	dir := make()
	path := filepath.Join(dir, "last.pt")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for i, damaged := range [][]byte{content[:len(content)/2], append([]byte("x"), content[1:]...), {}} {
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		err := resume(dir)
		require.ErrorIs(t, err, ErrChanged, i)
		require.ErrorContains(t, err, path+" cannot be continued: the file has changed since it was written: its SHA-256 is ")
		require.ErrorContains(t, err, "whole and good to go on from: best.pt (epoch ")
		require.ErrorContains(t, err, "best-0001.pt (epoch 2)")
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, len(damaged), len(now), "it is left as it is")
	}
	_, _, err = fit(t, dir, func(r *trial) { r.ResumeFrom = filepath.Join(dir, "best-0001.pt") })
	require.NoError(t, err)

	dir = make()
	require.NoError(t, os.Remove(filepath.Join(dir, "last.pt")))
	require.ErrorContains(t, resume(dir), "last.pt cannot be continued: it is missing; whole and good to go on from: best.pt")
	require.NoError(t, os.Remove(filepath.Join(dir, "best.pt")))
	require.NoError(t, os.Remove(filepath.Join(dir, "best-0001.pt")))
	require.NoError(t, resume(dir), "there is nothing to lose")

	// If the index cannot be read, the files are used unchecked, and a notice says so.
	dir = make()
	require.NoError(t, os.WriteFile(filepath.Join(dir, indexName), []byte("{"), 0o600))
	_, notices, err := fit(t, dir, func(r *trial) { r.Resume, r.Epochs = true, 5 })
	require.NoError(t, err)
	require.Len(t, notices, 2)
	assert.Contains(t, notices[0], "checkpoints.json: unexpected end of JSON input; the checkpoints in the folder are no longer checked nor ranked")
	assert.Contains(t, notices[1], "last-kept.pt")
	require.NoError(t, resume(dir))
}

// The index comes before the file takes its name. Between the two the file is the
// one before, which the index knows too.
func TestCrashBeforeRename(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := t.TempDir()
	r := newTrial(1, torch.CPU, dir)
	_, err := r.Fit(r.interruptAfter(5))
	require.ErrorIs(t, err, errTest)
	r.close()
	before, err := os.ReadFile(filepath.Join(dir, "last.pt"))
	require.NoError(t, err)
	_, _, err = fit(t, dir, func(r *trial) {
		r.Resume = true
		r.OnEpoch = func(Epoch) error { return ErrStop }
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "last.pt"), before, 0o600))

	list, err := ListCheckpoints(dir)
	require.NoError(t, err)
	assert.Equal(t, FileWhole, list[0].State)
	assert.Equal(t, "last.pt (epoch 1, then 1 steps)", list[0].String())
	h, notices, err := fit(t, dir, func(r *trial) { r.Resume = true })
	require.NoError(t, err)
	assert.Equal(t, 4, h.Len())
	assert.Empty(t, notices)

	var x index
	text, err := os.ReadFile(filepath.Join(dir, indexName))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &x))
	assert.Equal(t, 1, strings.Count(string(text[strings.Index(string(text), `"last.pt"`):]), "previous"), "one before, not all")
}
