// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	"github.com/etude-ml/etude/trainer"
)

// two lists arguments of the launcher for two processes.
func two(args ...string) []string { return append([]string{"launch", "-n", "2", "--"}, args...) }

// asRank runs a program with arguments as the shell code says, which knows $RANK. It notes the
// process in a file $PIDS.$RANK; torchrun would make one dollar of the shell's own variable for it.
const asRank = `%s; read -r pid rest < /proc/self/stat; echo "$pid" > "$PIDS.$RANK.new"; mv "$PIDS.$RANK.new" "$PIDS.$RANK"; exec "$0" "$@"`

// pid waits for the process of a rank.
func pid(t *testing.T, p *torchtest.Process, file string) (n int) {
	t.Helper()
	p.Until(t, time.Minute, func() bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		n, err = strconv.Atoi(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		return true
	})
	require.NotZero(t, n, p.Said())
	return n
}

// requireNear compares runs to 1e-6, the weights relative to the largest: sums of float32 in
// another order, over a dozen steps. Adam enlarges the rounding of small gradients to a part of
// its learning rate, which therefore is 1e-4.
func requireNear(t *testing.T, want, got string) {
	t.Helper()
	a, b := parseFile(t, filepath.Join(want, "history.json")), parseFile(t, filepath.Join(got, "history.json"))
	for _, list := range []string{"train_losses", "val_losses"} {
		require.InEpsilonSlice(t, a[list], b[list], 1e-6, list)
	}
	require.Equal(t, a["stop_reason"], b["stop_reason"])
	torch.Scope(func() {
		largest, most := 0.0, 0.0
		x, err := pt.LoadDict(filepath.Join(want, "model.pt"))
		require.NoError(t, err)
		y, err := pt.LoadDict(filepath.Join(got, "model.pt"))
		require.NoError(t, err)
		for name := range x.All() {
			w, g := torchtest.Entry[*torch.Tensor](t, x, name).Float64s(), torchtest.Entry[*torch.Tensor](t, y, name).Float64s()
			require.Len(t, g, len(w))
			for i := range w {
				largest, most = math.Max(largest, math.Abs(w[i])), math.Max(most, math.Abs(w[i]-g[i]))
			}
		}
		assert.LessOrEqual(t, most, 1e-6*largest, got)
		t.Logf("%s: weights differ by %.1e of %.1e", filepath.Base(got), most, largest)
	})
}

// Two processes train what one trains, one network after the other, and rank 0 alone prints. The
// last batch of an epoch is smaller than the others.
func TestTrainTogether(t *testing.T) {
	torchtest.Need(t)
	data, dir := corpus(t), t.TempDir()
	out := func(name string) string { return filepath.Join(dir, name) }
	args := func(name string, more ...string) []string {
		return append([]string{"train", "dynamics", "groove", "--data", data, "--out", out(name), "--batch-size", "5", "--lr", "1e-4", "--resume"}, more...)
	}
	one := run(t, args("one", "--epochs", "3", "--json")...)
	require.Equal(t, 0, one.code, one.stderr)
	r := run(t, two(args("two", "--epochs", "3", "--json")...)...)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Equal(t, 1, strings.Count(r.stderr, "rank 0 of 2 (torchrun: RANK, WORLD_SIZE): each process computes a part of every batch, on cpu with 1 thread"), r.stderr)
	assert.NotContains(t, r.stdout+r.stderr, "[rank1]")
	summary := parse(t, r.stdout)
	assert.Equal(t, summary, parseFile(t, filepath.Join(out("two"), "summary.json")))

	// One process, two, and one again.
	for i, launched := range []bool{false, true, false} {
		command := args("turns", "--epochs", strconv.Itoa(i+1))
		if launched {
			command = two(command...)
		}
		r := run(t, command...)
		require.Equal(t, 0, r.code, r.stderr)
		if i > 0 {
			assert.Contains(t, r.stderr, fmt.Sprintf("groove: the number of processes was %d, is %d", i, 3-i))
		}
		for _, network := range []string{"dynamics", "groove"} {
			assert.Equal(t, launched, parseFile(t, filepath.Join(out("turns"), network, "config.json"))["processes"] == 2.0)
		}
	}
	cores := runtime.GOMAXPROCS(0)
	r = run(t, two("train", "groove", "--out", out("one"), "--resume", "--threads", strconv.Itoa(cores+1))...)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, fmt.Sprintf("%d threads of this machine share %d core", 2*cores+2, cores))
	for _, network := range []string{"dynamics", "groove"} {
		assert.EqualValues(t, 3, summary[network].(map[string]any)["epochs"])
		requireNear(t, filepath.Join(out("one"), network), filepath.Join(out("two"), network))
		requireNear(t, filepath.Join(out("one"), network), filepath.Join(out("turns"), network))
	}
}

// What does not go together is refused before the work, and what one process lacks ends both.
func TestTrainTogetherRefuses(t *testing.T) {
	torchtest.Need(t)
	data, dir := corpus(t), t.TempDir()
	train := []string{"train", "groove", "--data", data, "--out", filepath.Join(dir, "out"), "--epochs", "1"}
	ranks := []string{"RANK=0", "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=1"}
	for flag, says := range map[string]string{
		"--jobs=2": "--jobs trains networks side by side", "--seeds=0-3": "--seeds and --grid train runs side by side",
		"--grid=lr=1e-3,1e-4": "--seeds and --grid", "--recorded=on": "steps of several are not recorded", "--device=cuda:0": "the same GPU",
	} {
		r := runWith(t, ranks, append(train, flag)...)
		assert.Equal(t, 2, r.code)
		assert.Contains(t, r.stderr, "this is rank 0 of 2 (torchrun: RANK, WORLD_SIZE): --")
		assert.Contains(t, r.stderr, says)
	}
	r := runWith(t, []string{"SLURM_PROCID=0", "SLURM_NTASKS=2", "MASTER_ADDR="}, train...)
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "srun")
	assert.Contains(t, r.stderr, "unset SLURM_PROCID and SLURM_NTASKS for one process alone")
	assert.NoFileExists(t, filepath.Join(dir, "out"))

	swept := filepath.Join(dir, "swept")
	require.NoError(t, os.Mkdir(swept, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(swept, "sweep.json"), []byte(`{"seeds": [1]}`), 0o666))
	r = run(t, two("train", "groove", "--out", swept, "--resume")...)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "[rank1]: etude: rank 0: "+swept+" holds a sweep: one process continues it")

	other := corpusOf(t, 7)
	for more, says := range map[string][2]string{
		"--data " + dir + "/nowhere": {"rank 1: groove: stat " + dir + "/nowhere", "groove: stat " + dir + "/nowhere"},
		"--data " + other:            {"groove: rank 1 has read 28 samples", "groove: rank 1 has read 28 samples"},
		"--epochs 2":                 {`rank 1 was given other networks or settings than rank 0: [["groove"],{"Epochs":2}]`, `[["groove"],{"Epochs":1}]`},
	} {
		script := fmt.Sprintf(asRank, `if [ "$RANK" = 1 ]; then set -- "$@" `+more+`; fi`)
		r := runWith(t, []string{"PIDS=" + filepath.Join(dir, "pid")}, two(append([]string{"/bin/sh", "-c", script, etude}, train...)...)...)
		assert.Equal(t, 1, r.code)
		for rank, line := range []string{says[0], "[rank1]: etude: " + says[1]} {
			if rank == 1 && strings.HasPrefix(says[1], "[[") {
				line = says[1]
			}
			assert.Contains(t, r.stderr, line)
		}
		assert.NoFileExists(t, filepath.Join(dir, "out", "groove", "model.pt"))
	}
}

// A signal to one process ends both with its exit code, and one that is killed, or stands still,
// is named by the other. The checkpoint is whole each time.
func TestTrainTogetherEnds(t *testing.T) {
	t.Parallel() // it waits for other processes most of the time
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	last := filepath.Join(out, "groove", trainer.LastFile)
	for i, c := range []struct {
		signal            syscall.Signal
		to                string // a rank, or "" for the launcher
		shutdown, timeout string
		codes             []int // that of the process that the launcher sees end first
		says              []string
	}{
		{syscall.SIGINT, "", "30s", "1m", []int{130}, []string{"groove: training: saved; --resume continues", "[rank1]: etude: ended by an interrupt", "\netude: ended by an interrupt"}},
		{syscall.SIGTERM, "1", "30s", "1m", []int{143}, []string{"groove: training: saved; --resume continues", "[rank1]: etude: ended by a request to terminate", "\netude: ended by a request to terminate"}},
		{syscall.SIGKILL, "1", "30s", "10s", []int{137, 1}, []string{"rank 1 (127.0.0.1:", "does not answer"}},
		{syscall.SIGSTOP, "1", "1s", "5s", []int{1}, []string{"rank 1 (127.0.0.1:", "does not answer"}},
	} {
		pids := filepath.Join(t.TempDir(), "pid")
		cmd := exec.Command(etude, append([]string{"launch", "-n", "2", "--shutdown-timeout", c.shutdown, "--", "/bin/sh", "-c", fmt.Sprintf(asRank, ":"), etude},
			"train", "groove", "--data", data, "--out", out, "--epochs", "1000000", "--patience", "1000000", "--resume", "--timeout", c.timeout)...)
		cmd.Env = append(os.Environ(), "PIDS="+pids)
		p := torchtest.Start(t, cmd, nil)
		target := p.Process.Pid
		if c.to != "" {
			target = pid(t, p, pids+"."+c.to)
		}
		before, _ := os.Stat(last)
		p.Until(t, time.Minute, func() bool {
			now, err := os.Stat(last)
			return err == nil && (before == nil || now.ModTime().After(before.ModTime()))
		})
		require.NoError(t, syscall.Kill(target, c.signal))
		assert.Contains(t, c.codes, p.End(), p.Said())
		for _, text := range c.says {
			assert.Contains(t, p.Said(), text, "%d: %v", i, c.signal)
		}
		list, err := trainer.ListCheckpoints(filepath.Join(out, "groove"))
		require.NoError(t, err)
		require.NotEmpty(t, list)
		for _, file := range list {
			assert.Equal(t, trainer.FileWhole, file.State, file.Name)
		}
	}
	r := run(t, "train", "groove", "--out", out, "--resume", "--epochs", "1", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Equal(t, true, parse(t, r.stdout)["groove"].(map[string]any)["resumed"])
}

// torchrun starts both again when one was killed, and --resume goes on from the last checkpoint,
// to the bits of a run that nothing has happened to.
func TestTrainUnderTorchrun(t *testing.T) {
	t.Parallel() // it waits for other processes most of the time
	torchtest.Need(t)
	torchrun := filepath.Join(filepath.Dir(torchtest.Python(t)), "torchrun")
	data, dir := corpus(t), t.TempDir()
	broken, whole, pids, epochs := filepath.Join(dir, "broken"), filepath.Join(dir, "whole"), filepath.Join(dir, "pid"), filepath.Join(dir, "epochs")
	// The second time it trains as long as this test says, which has seen by then how far the first came.
	script := fmt.Sprintf(asRank, `PIDS="$PIDS.$TORCHELASTIC_RESTART_COUNT"; n=1000000; if [ "$TORCHELASTIC_RESTART_COUNT" = 1 ]; then
		echo again > "$PIDS"; while [ ! -e `+epochs+` ]; do sleep 0.05; done; n=$(cat `+epochs+`); fi; set -- "$@" --epochs "$n"`)
	train := []string{etude, "train", "groove", "--data", data, "--patience", "1000000", "--timeout", "10s", "--resume", "--out"}
	cmd := exec.Command(torchrun, append([]string{"--standalone", "--no-python", "--nproc-per-node=2", "--max-restarts=3", "/bin/sh", "-c", script}, append(train, broken)...)...)
	cmd.Env = append(os.Environ(), "PIDS="+pids)
	p := torchtest.Start(t, cmd, func() { _ = cmd.Process.Signal(syscall.SIGTERM) }) // it ends the others
	victim := pid(t, p, pids+".0.1")
	folder := filepath.Join(broken, "groove")
	exists := func(path string) func() bool {
		return func() bool { _, err := os.Stat(path); return err == nil }
	}
	p.Until(t, time.Minute, exists(filepath.Join(folder, trainer.LastFile)))
	require.NoError(t, syscall.Kill(victim, syscall.SIGKILL))
	p.Until(t, time.Minute, exists(pids+".1"))
	list, err := trainer.ListCheckpoints(folder)
	require.NoError(t, err)
	require.NotEmpty(t, list, p.Said())
	n := strconv.Itoa(list[0].Epoch + 6)
	require.NoError(t, os.WriteFile(epochs+".new", []byte(n), 0o666))
	require.NoError(t, os.Rename(epochs+".new", epochs))
	require.Equal(t, 0, p.End(), p.Said())
	assert.Regexp(t, `rank 0 of 2: [a-z-]+: rank 1 \(127\.0\.0\.1:\d+\) does not answer`, p.Said())

	r := run(t, two(append(train[1:], whole, "--epochs", n)...)...)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Equal(t, read(t, filepath.Join(whole, "groove", "model.pt")), read(t, filepath.Join(folder, "model.pt")))
	a, b := parseFile(t, filepath.Join(whole, "groove", "history.json")), parseFile(t, filepath.Join(folder, "history.json"))
	for _, key := range []string{"train_losses", "val_losses"} {
		require.Len(t, a[key], list[0].Epoch+6)
		x, err := json.Marshal(a[key])
		require.NoError(t, err)
		y, err := json.Marshal(b[key])
		require.NoError(t, err)
		assert.Equal(t, string(x), string(y), key)
	}
}
