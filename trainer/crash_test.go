// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build linux

package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

const (
	childFolder = "ETUDE_TRAINER_TEST_FOLDER"
	childLimit  = "ETUDE_TRAINER_TEST_LIMIT"
	childShort  = "ETUDE_TRAINER_TEST_SHORT"  // no save but those of the epochs
	childFew    = "ETUDE_TRAINER_TEST_FEW"    // the number of epochs of a process in a group; childEpochs if it is not set
	childRarely = "ETUDE_TRAINER_TEST_RARELY" // one save in 20 ms at most
)

// TestMain lets the tests run this program again as a run that may die.
func TestMain(m *testing.M) {
	if os.Getenv(childFolder) == "" {
		torchtest.Main(m)
		return
	}
	if os.Getenv("WORLD_SIZE") != "" {
		phase("start", os.Getpid())
	}
	if err := fitInChild(os.Getenv(childFolder), os.Getenv(childLimit)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(0)
}

const childEpochs = 40

// newChildTrial loads its samples, by another number of workers in each process.
func newChildTrial(dir string) *trial {
	r := newTrial(1, torch.CPU, dir)
	everyState(0, r)
	load(&r.Run, 1+os.Getpid()%7, noise)
	scored(r)
	r.Epochs, r.Resume, r.Control = childEpochs, true, new(Control)
	return r
}

// fitInChild saves after each step, or rarely. With a limit, no file can become larger than
// that in the third epoch and after it, as on a full disk.
func fitInChild(dir, limit string) error {
	if os.Getenv("WORLD_SIZE") != "" {
		return fitInGroup(dir)
	}
	if err := torch.Init(); err != nil {
		return err
	}
	r := newChildTrial(dir)
	r.OnNotice = func(text string) {
		if !strings.HasPrefix(text, "saved on request") {
			fmt.Fprintln(os.Stderr, "notice:", text)
		}
	}
	if os.Getenv(childShort) != "" {
		r = newShortTrial(dir)
		r.Resume = true
	} else if limit != "" {
		bytes, err := strconv.ParseUint(limit, 10, 64)
		if err != nil {
			return err
		}
		signal.Ignore(syscall.SIGXFSZ)
		r.Epochs, r.SaveInterval = 4, -1
		r.OnEpoch = func(e Epoch) error {
			if e.Index != 2 {
				return nil
			}
			if err := waitForSave(dir, 1, 0); err != nil { // it is being written
				return err
			}
			return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes})
		}
	} else {
		first, rarely := true, os.Getenv(childRarely) != ""
		r.SaveInterval = 20 * time.Millisecond
		r.AroundStep = func(step func()) {
			step()
			if !rarely {
				r.Control.RequestSave()
			}
			if first {
				fmt.Println("training")
				first = false
			}
		}
	}
	_, err := r.Fit(context.Background())
	if failed := new(SaveError); errors.As(err, &failed) {
		fmt.Println("finished without saving")
	}
	return err
}

func child(dir string, env ...string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), childFolder+"="+dir), env...)
	return c
}

// Runs that are killed at any moment, again and again, until they have ended, leave whole
// checkpoints, lose no step that was saved, and end like a run that was never killed.
// ETUDE_TEST_KILLS sets the number of kills.
func TestKilled(t *testing.T) {
	torchtest.NoLeaks(t)
	whole := newChildTrial(t.TempDir())
	defer whole.close()
	_, err := whole.Fit(context.Background())
	require.NoError(t, err)
	want := whole.everything(t)

	kills := 12
	if n, err := strconv.Atoi(os.Getenv("ETUDE_TEST_KILLS")); err == nil {
		kills = n
	}
	random := rand.New(rand.NewPCG(3, 4))
	killed, drafts, runs := 0, 0, 0
	for ; killed < kills; runs++ {
		dir := t.TempDir()
		last := Saved{Epoch: -1}
		for killed < kills {
			rarely := childRarely + "=" + []string{"", "1"}[random.IntN(2)]
			if !killChild(t, dir, time.Duration(random.IntN(120_000))*time.Microsecond, rarely) {
				break // it has ended
			}
			killed++
			for _, s := range checkWhole(t, dir) {
				if s.Name == LastFile {
					require.True(t, s.Epoch > last.Epoch || s.Epoch == last.Epoch && s.Step >= last.Step, "%v after %v", s, last)
					last = s
				}
			}
			drafts += countDrafts(t, dir)
		}
		r := newChildTrial(dir)
		_, err = r.Fit(context.Background())
		require.NoError(t, err)
		require.Equal(t, want, r.everything(t))
		r.close()
		left, err := filepath.Glob(filepath.Join(dir, ".*"))
		require.NoError(t, err)
		require.Empty(t, left)
		require.Len(t, bestFiles(t, dir), 2)
	}
	t.Logf("%d kills in %d runs, %d unfinished files left by them", killed, runs, drafts)
}

// killChild continues the run in dir and kills it some time after its first step, if there
// is one; false when it had ended before.
func killChild(t *testing.T, dir string, after time.Duration, env string) bool {
	c := child(dir, env)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = io.ReadFull(out, make([]byte, len("training\n")))
	if err == nil {
		time.Sleep(after)
		require.NoError(t, c.Process.Kill())
	}
	_ = c.Wait()
	require.Empty(t, stderr.String())
	return !c.ProcessState.Exited()
}

// checkWhole loads every checkpoint in dir, holds it against the index, and returns those
// that the index lists.
func checkWhole(t *testing.T, dir string) []Saved {
	list, err := ListCheckpoints(dir)
	require.NoError(t, err)
	for _, s := range list {
		if s.State == FileMissing { // listed before it had its first name, or just removed
			x, err := readIndex(dir)
			require.NoError(t, err)
			if x.Files[s.Name].Previous != nil { // it was there, so two better ones have to be
				better := slices.DeleteFunc(whole(dir), func(o Saved) bool {
					return !strings.HasPrefix(o.Name, "best-") || *x.Files[o.Name].Rank > *x.Files[s.Name].Rank
				})
				require.True(t, strings.HasPrefix(s.Name, "best-"), s.Name)
				require.GreaterOrEqual(t, len(better), 2, "%s: %+v", s.Name, list)
			}
			continue
		}
		require.Equal(t, FileWhole, s.State, s.Name)
		d, err := pt.LoadDict(filepath.Join(dir, s.Name))
		require.NoError(t, err)
		epoch, err := torch.Value[int](d, "epoch")
		require.NoError(t, err)
		require.Equal(t, s.Epoch, epoch)
		closeTensors(d)
	}
	return list
}

// countDrafts counts the files that a kill left half-written: all of a kind that
// the next run removes.
func countDrafts(t *testing.T, dir string) int {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	drafts := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			require.Regexp(t, `^\..+\.tmp-[A-Z2-7]{10}$`, e.Name())
			drafts++
		}
	}
	return drafts
}

// A disk that becomes full at any point of a save leaves the previous checkpoint; the
// run finishes and reports which files it left.
func TestFullDisk(t *testing.T) {
	torchtest.NoLeaks(t)
	whole := newChildTrial(t.TempDir())
	whole.Epochs = 4
	defer whole.close()
	_, err := whole.Fit(context.Background())
	require.NoError(t, err)

	// Nothing, part of the index, part of last.pt.
	for _, limit := range []string{"0", "300", "5000", "9000"} {
		dir := t.TempDir()
		c := child(dir, childLimit+"="+limit)
		var stderr, stdout strings.Builder
		c.Stderr, c.Stdout = &stderr, &stdout
		require.Error(t, c.Run())
		require.Equal(t, 3, c.ProcessState.ExitCode(), stderr.String())
		assert.Equal(t, "finished without saving\n", stdout.String())
		said := stderr.String()
		assert.Contains(t, said, "notice: trainer: cannot save to "+dir)
		assert.Contains(t, said, "file too large")
		assert.Contains(t, said, "whole and good to go on from: last.pt (epoch 2), best.pt (epoch ")

		list, err := ListCheckpoints(dir)
		require.NoError(t, err)
		require.Equal(t, FileWhole, list[0].State)
		require.Equal(t, 1, list[0].Epoch)
		left, err := filepath.Glob(filepath.Join(dir, ".*"))
		require.NoError(t, err)
		assert.Empty(t, left, "the room that was taken is given back")
		r := newChildTrial(dir)
		r.Epochs = 4
		_, err = r.Fit(context.Background())
		require.NoError(t, err)
		assert.Equal(t, whole.everything(t), r.everything(t))
		r.close()
	}
}

// newShortTrial has three epochs; the second and third are the best so far.
func newShortTrial(dir string) *trial {
	r := newTrial(1, torch.CPU, dir)
	r.Epochs, r.KeepBest, r.Rank, r.SaveInterval = 3, 1, ranks(3, 2, 1), -1
	return r
}

// Any write of a run may fail once, or may be the last one before a kill: the run repeats
// it, or can be continued, and ends with the files of an undisturbed run.
// ETUDE_TEST_FAULTS sets how many faults are tried, 0 for all.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("each fault is a process of its own")
	}
	torchtest.NoLeaks(t)
	inject := torchtest.NewInjector(t)
	whole := newShortTrial(t.TempDir())
	h, err := whole.Fit(context.Background())
	require.NoError(t, err)
	require.Equal(t, 2, h.BestEpoch, "or best.pt is never replaced")
	whole.close()
	want := files(t, whole.Save)

	run := func(how string, n int) (dir string, calls int, err error) {
		dir = filepath.Join(t.TempDir(), "run")
		calls, _, err = inject.Run(how, n, dir, []string{childFolder + "=" + dir, childShort + "=1"}, os.Args[0])
		return dir, calls, err
	}
	dir, calls, err := run("before", 0)
	require.NoError(t, err)
	require.Equal(t, want, files(t, dir))
	require.Greater(t, calls, 60)

	type fault struct {
		how string
		n   int
	}
	var faults []fault
	for n := 1; n <= calls; n++ {
		for _, how := range torchtest.Faults {
			faults = append(faults, fault{how, n})
		}
	}
	random := rand.New(rand.NewPCG(5, 6))
	random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	most := 12
	if n, err := strconv.Atoi(os.Getenv("ETUDE_TEST_FAULTS")); err == nil {
		most = n
	}
	if most > 0 {
		faults = faults[:min(most, len(faults))]
	}
	madeUp := 0
	for _, f := range faults {
		dir, _, err := run(f.how, f.n)
		if err == nil {
			require.Equal(t, want, files(t, dir), "%+v: the run says that all is well", f)
			madeUp++
		}
		r := newShortTrial(dir)
		r.Resume = true
		_, err = r.Fit(context.Background())
		require.NoError(t, err, "%+v", f)
		r.close()
		require.Equal(t, want, files(t, dir), "%+v, continued", f)
		left, err := filepath.Glob(filepath.Join(dir, ".*"))
		require.NoError(t, err)
		require.Empty(t, left, "%+v", f)
	}
	t.Logf("%d faults at %d calls; %d runs made up for them at once", len(faults), calls, madeUp)
}

// files reads all that a run has left, without its times.
func files(t *testing.T, dir string) map[string]any {
	t.Helper()
	all := map[string]any{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		name := e.Name()
		all[name] = true
		if filepath.Ext(name) == ".pt" {
			d, err := pt.LoadDict(filepath.Join(dir, name))
			require.NoError(t, err)
			content := map[string]any{}
			flatten("", d, content)
			closeTensors(d)
			for path := range content {
				if strings.HasPrefix(path, ".etude.history.epoch_times") || path == ".etude.cursor.seconds" {
					delete(content, path)
				}
			}
			all[name] = content
		}
	}
	saved, err := ListCheckpoints(dir)
	require.NoError(t, err)
	for _, s := range saved {
		require.Equal(t, FileWhole, s.State, s.Name)
		all["listed "+s.Name] = s.String()
	}
	return all
}
