// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// launch starts the command; it is killed at the end of the test at the latest.
func launch(t *testing.T, args ...string) *torchtest.Process {
	t.Helper()
	return torchtest.Start(t, exec.Command(etude, args...), nil)
}

var both = []string{"emotion", "melody"}

// A training that is killed again and again, at random moments, and continued
// each time, ends with the files of one that never was. It takes longer than the second
// that passes before its first checkpoint.
func TestKilledAndResumed(t *testing.T) {
	torchtest.Need(t)
	data, whole, broken := corpus(t), t.TempDir(), t.TempDir()
	args := func(out string) []string {
		return []string{"train", "emotion", "melody", "--data", data, "--out", out, "--epochs", "300", "--batch-size", "3", "--patience", "100", "--resume"}
	}
	r := run(t, args(whole)...)
	require.Equal(t, 0, r.code, r.stderr)

	most := 6
	if testing.Short() {
		most = 2
	}
	random, kills, midway := rand.New(rand.NewPCG(1, 2)), 0, 0
	for kills < most {
		p := launch(t, args(broken)...)
		switch {
		case kills == 0: // both have a checkpoint from here on, however slow the machine is
			p.Until(t, time.Minute, func() bool {
				files, err := filepath.Glob(filepath.Join(broken, "*", trainer.LastFile))
				require.NoError(t, err)
				return len(files) == len(both)
			})
		case random.IntN(5) > 0: // else anywhere, while data is read too
			p.Until(t, time.Minute, func() bool { return strings.Contains(p.Said(), "training …") })
		}
		if kills > 0 {
			time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
		}
		if err := p.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
			require.NoError(t, err)
		}
		if code := p.End(); code == 0 {
			break
		} else {
			require.Equal(t, -1, code, p.Said())
		}
		kills++
		for _, network := range both {
			list, err := trainer.ListCheckpoints(filepath.Join(broken, network))
			require.NoError(t, err)
			for _, file := range list {
				assert.Equal(t, trainer.FileWhole, file.State, "%s of %s after kill %d", file.Name, network, kills)
			}
			if len(list) > 0 && list[0].Epoch < 299 {
				midway++
			}
		}
	}
	assert.Positive(t, midway, "none of %d kills came in the middle of training", kills)
	t.Logf("%d kills; %d times a network was between its first checkpoint and its end", kills, midway)

	// The last time with the folder alone: the networks that have no run are passed
	// over.
	r = run(t, "train", "all", "--out", broken, "--resume", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	for _, network := range both {
		assert.Equal(t, true, parse(t, r.stdout)[network].(map[string]any)["resumed"])
		in := func(out, name string) string { return filepath.Join(out, network, name) }
		assert.Equal(t, read(t, in(whole, "model.pt")), read(t, in(broken, "model.pt")), network)
		a, b := parseFile(t, in(whole, "history.json")), parseFile(t, in(broken, "history.json"))
		for _, list := range []string{"train_losses", "val_losses", "learning_rates", "best_epoch"} {
			assert.Equal(t, a[list], b[list], list)
		}
	}
}

// Signals reach all networks that are in training.
func TestSignalsToSeveralNetworks(t *testing.T) {
	torchtest.Need(t)
	data := corpus(t)
	for sent, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		if signal.Ignored(sent) {
			continue // these tests themselves run under nohup
		}
		out := t.TempDir()
		p := launch(t, "train", "emotion", "melody", "--data", data, "--out", out, "--epochs", "1000000", "--patience", "1000000", "--batch-size", "4")
		started := func() bool {
			for _, network := range both {
				if _, err := os.Stat(filepath.Join(out, network, "last.pt")); err != nil {
					return false
				}
			}
			return true
		}
		p.Until(t, time.Minute, started)
		require.NoError(t, p.Process.Signal(syscall.SIGUSR1))
		p.Until(t, time.Minute, func() bool { return strings.Count(p.Said(), "saved on request in epoch ") == len(both) })
		for _, network := range both {
			assert.Contains(t, p.Said(), network+": saved on request in epoch ")
		}
		require.NoError(t, p.Process.Signal(sent))
		assert.Equal(t, code, p.End(), p.Said())
		_, after, _ := strings.Cut(p.Said(), "a second one ends at once\n")
		for _, network := range both {
			assert.Contains(t, after, network+": training: saved; --resume continues")
			assert.Equal(t, 1, strings.Count("\n"+after, "\n"+network+":"), "one line for each network: %s", after)
			list, err := trainer.ListCheckpoints(filepath.Join(out, network))
			require.NoError(t, err)
			require.NotEmpty(t, list)
			assert.Equal(t, "last.pt", list[0].Name)
			assert.Equal(t, trainer.FileWhole, list[0].State)
		}
		r := run(t, "train", "emotion", "melody", "--out", out, "--resume", "--epochs", "1", "--json")
		require.Equal(t, 0, r.code, r.stderr)
		for _, network := range both {
			assert.Equal(t, true, parse(t, r.stdout)[network].(map[string]any)["resumed"])
		}
	}
}

// What reads the output may end first: of a pipe's programs ctrl-C ends all.
func TestSavedWithoutReader(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	cmd := exec.Command(etude, "train", "emotion", "--data", data, "--out", out, "--epochs", "1000000", "--patience", "1000000")
	read, write, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = write, write
	require.NoError(t, cmd.Start())
	require.NoError(t, write.Close())
	last := filepath.Join(out, "emotion/last.pt")
	assert.Eventually(t, func() bool { _, err := os.Stat(last); return err == nil }, time.Minute, 20*time.Millisecond)
	require.NoError(t, read.Close())
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	_ = cmd.Wait()
	// Not of the signal: it ended by itself, whichever of both it saw first.
	assert.Contains(t, []int{130, 141}, cmd.ProcessState.ExitCode(), cmd.ProcessState)
	h := parseFile(t, filepath.Join(out, "emotion/history.json"))
	r := run(t, "train", "emotion", "--out", out, "--resume", "--epochs", "1", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	assert.EqualValues(t, len(h["train_losses"].([]any)), parse(t, r.stdout)["emotion"].(map[string]any)["epochs"])
}

// nohup has the end of the terminal ignored, and so it is.
func TestNohup(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	p := torchtest.Start(t, exec.Command("sh", "-c", `trap "" HUP; exec "$0" "$@"`, etude, "train", "emotion", "--data", data, "--out", out,
		"--epochs", "1000000", "--patience", "1000000"), nil)
	last := filepath.Join(out, "emotion/last.pt")
	p.Until(t, time.Minute, func() bool { _, err := os.Stat(last); return err == nil })
	require.NoError(t, p.Process.Signal(syscall.SIGHUP))
	before, err := os.Stat(last)
	require.NoError(t, err)
	p.Until(t, time.Minute, func() bool { now, err := os.Stat(last); return err == nil && now.ModTime().After(before.ModTime()) })
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 143, p.End(), p.Said())
}

// Before training there is nothing to save, and --resume begins.
func TestInterruptedWhileReading(t *testing.T) {
	torchtest.Need(t)
	data, out := corpusOf(t, 40), t.TempDir()
	p := launch(t, "train", "emotion", "--data", data, "--out", out, "--epochs", "1")
	p.Until(t, time.Minute, func() bool { return strings.Contains(p.Said(), "reading …") })
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 143, p.End(), p.Said())
	assert.NoFileExists(t, filepath.Join(out, "emotion/last.pt"))
	r := run(t, "train", "emotion", "--out", out, "--resume")
	assert.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, "training starts anew")
}

// A run whose data or settings have changed is refused with the changes and with what may
// change; the run stays as it was.
func TestResumeExplainsChanges(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	r := run(t, "train", "melody", "--data", data, "--out", out, "--epochs", "2", "--batch-size", "4")
	require.Equal(t, 0, r.code, r.stderr)
	last := filepath.Join(out, "melody/last.pt")
	before := read(t, last)
	refused := func(says []string, args ...string) {
		t.Helper()
		r := run(t, append([]string{"train", "melody", "--out", out, "--resume", "--epochs", "3"}, args...)...)
		assert.Equal(t, 1, r.code)
		for _, text := range says {
			assert.Contains(t, r.stderr, text)
		}
		assert.Equal(t, before, read(t, last))
	}
	mayChange := "--epochs, --patience, --min-delta, --device and --threads may change at any time"
	refused([]string{"cannot be continued: ", "batch size was 4, is 8", mayChange}, "--batch-size", "8")
	refused([]string{"seed was 42, is 43", "on the other side of the split"}, "--seed", "43")
	refused([]string{"training samples was ", "on the other side of the split"}, "--val-split", "0.5")

	// The same folder with one file changed, and with one gone.
	midi := filepath.Join(data, "training/midi")
	gone, other := filepath.Join(midi, "piece-01-section-1.mid"), filepath.Join(midi, "piece-02-section-1.mid")
	content, was := read(t, gone), read(t, other)
	require.NoError(t, os.WriteFile(other, content, 0o666))
	refused([]string{"data is not the same", "samples: 1 with another target (piece-02-section-1.mid)", mayChange})
	require.NoError(t, os.WriteFile(other, was, 0o666))
	require.NoError(t, os.Remove(gone))
	refused([]string{"samples: ", "1 gone (piece-01-section-1.mid)"})
	require.NoError(t, os.WriteFile(gone, content, 0o666))

	// A damaged checkpoint is not continued; another one is named, and is good.
	require.NoError(t, os.WriteFile(last, before[:len(before)/2], 0o666))
	r = run(t, "train", "melody", "--out", out, "--resume", "--epochs", "3")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "good for --resume-from: best.pt (epoch ")
	require.NoError(t, os.Remove(last))
	r = run(t, "train", "melody", "--out", out, "--resume", "--epochs", "3")
	assert.Equal(t, 1, r.code, "best.pt is not thrown away")
	assert.Contains(t, r.stderr, "it is missing")
	r = run(t, "train", "melody", "--out", out, "--resume-from", filepath.Join(out, "melody/best.pt"), "--epochs", "3", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	assert.EqualValues(t, 3, parse(t, r.stdout)["melody"].(map[string]any)["epochs"])
}

func TestVerifyResume(t *testing.T) {
	torchtest.Need(t)
	data := corpus(t)
	r := run(t, "verify-resume", "emotion", "--data", data, "--batch-size", "4", "--stop-at", "2,5", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	report := parse(t, r.stdout)
	assert.Equal(t, "emotion", report["network"])
	assert.Equal(t, true, report["identical"])
	assert.EqualValues(t, 3, report["epochs"])
	assert.Equal(t, []any{2.0, 5.0}, report["breaks"])
	assert.Nil(t, report["difference"])
	for _, hash := range []string{"weights", "optimizer", "history"} {
		assert.Len(t, report[hash], 64)
	}

	r = run(t, "verify-resume", "melody", "--data", data)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stdout, "identical, bit for bit")

	r = run(t, "verify-resume", "melody", "--data", data, "--stop-at", "1000")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "no break is in the run")
}

// The best epochs' checkpoints stand beside best.pt, as many as asked for.
func TestKeepBest(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	r := run(t, "train", "melody", "--data", data, "--out", out, "--epochs", "5", "--keep-best", "2")
	require.Equal(t, 0, r.code, r.stderr)
	kept, err := filepath.Glob(filepath.Join(out, "melody", "best-*.pt"))
	require.NoError(t, err)
	require.Len(t, kept, 2)
	for _, path := range kept {
		r := run(t, "diff", path, filepath.Join(out, "melody", "best.pt"))
		assert.LessOrEqual(t, r.code, 1, r.stderr)
	}
	r = run(t, "train", "melody", "--data", data, "--out", out, "--keep-best=-1")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "--keep-best is -1; it must be at least 0")
}

// Whoever reads stderr may have stopped, as `less` does and a terminal after ctrl-S:
// signals count all the same.
func TestSignalsWhileStderrIsStuck(t *testing.T) {
	torchtest.Need(t)
	data := corpus(t)
	stuck := func(out string) *exec.Cmd {
		t.Helper()
		read, write, err := os.Pipe()
		require.NoError(t, err)
		t.Cleanup(func() { read.Close(); write.Close() })
		cmd := exec.Command(etude, "train", "dynamics", "--data", data, "--out", out, "--epochs", "1000000", "--patience", "1000000")
		cmd.Stderr = write
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		last := filepath.Join(out, "dynamics/last.pt")
		require.Eventually(t, func() bool { _, err := os.Stat(last); return err == nil }, time.Minute, 20*time.Millisecond)
		// When the pipe is full, every write of the command waits for ever.
		full, err := syscall.Open(fmt.Sprintf("/proc/self/fd/%d", write.Fd()), syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
		require.NoError(t, err)
		for err == nil {
			_, err = syscall.Write(full, []byte{'y'})
		}
		require.ErrorIs(t, err, syscall.EAGAIN)
		require.NoError(t, syscall.Close(full))
		return cmd
	}
	ended := func(cmd *exec.Cmd) int {
		t.Helper()
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatal("a signal has no effect")
		}
		return cmd.ProcessState.ExitCode()
	}

	out := t.TempDir()
	cmd := stuck(out)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 143, ended(cmd))
	done := len(parseFile(t, filepath.Join(out, "dynamics/history.json"))["train_losses"].([]any))
	r := run(t, "train", "dynamics", "--out", out, "--resume", "--epochs", "1", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	assert.EqualValues(t, done, parse(t, r.stdout)["dynamics"].(map[string]any)["epochs"], "it has been saved")
}

// After a break the best loss is that of the whole run, not of its last part.
func TestBestLossOfTheWholeRun(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	args := []string{"train", "groove", "--data", data, "--out", out, "--epochs"}
	r := run(t, append(args, "3")...)
	require.Equal(t, 0, r.code, r.stderr)
	r = run(t, append(args, "4", "--resume", "--lr", "3")...) // makes the last epoch the worst
	require.Equal(t, 0, r.code, r.stderr)
	losses, ok := parseFile(t, filepath.Join(out, "groove", "history.json"))["val_losses"].([]any)
	require.True(t, ok)
	require.Len(t, losses, 4)
	best := losses[0].(float64)
	for _, loss := range losses {
		best = min(best, loss.(float64))
	}
	require.Less(t, best+1e-3, losses[3], "or the test shows nothing")
	assert.Contains(t, r.stderr, fmt.Sprintf("4 epochs, best validation loss %.5f", best))
}
