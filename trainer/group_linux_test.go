// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/torchtest"
)

// groupTimeout is that of fitInGroup.
const groupTimeout = 6 * time.Second

// phase says what a process of a group does next.
func phase(name string, more ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"phase:", name}, more...)...)
}

// fitInGroup is a process of a group. It ends its run at SIGTERM.
func fitInGroup(dir string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	phase("joining")
	group, err := dist.Init(ctx, dist.Options{Timeout: groupTimeout})
	if err != nil {
		return err
	}
	defer group.Close()
	phase("beginning")
	r := newChildTrial(dir)
	r.Group, r.SaveInterval = group, -1
	if few := os.Getenv(childFew); few != "" {
		if r.Epochs, err = strconv.Atoi(few); err != nil {
			return err
		}
	}
	r.AroundStep = func(step func()) {
		phase("training")
		step()
	}
	r.OnBatch = func(epoch, i int, _ Result) error {
		if phase("trained", epoch); i == epoch%3 && group.Rank == epoch%2 {
			r.Control.RequestSave()
		}
		if i == 3 {
			phase("validating")
		}
		return nil
	}
	r.OnEpoch = func(Epoch) error { phase("saving"); return nil }
	if _, err = r.Fit(ctx); err == nil {
		phase("done")
	}
	return err
}

// startGroup starts the processes of a group that saves to dir.
func startGroup(t *testing.T, n int, dir string) (list []*torchtest.Process) {
	var cmds []*exec.Cmd
	for range n {
		cmds = append(cmds, child(dir))
	}
	return startRanks(t, "127.0.0.1", cmds)
}

// startRanks starts commands as the ranks of a group whose store is at an address.
func startRanks(t *testing.T, address string, cmds []*exec.Cmd) (list []*torchtest.Process) {
	port := torchtest.FreePort(t)
	for rank, cmd := range cmds {
		cmd.Env = append(cmd.Env, fmt.Sprint("RANK=", rank), fmt.Sprint("WORLD_SIZE=", len(cmds)), "MASTER_ADDR="+address, fmt.Sprint("MASTER_PORT=", port))
		list = append(list, torchtest.Start(t, cmd, nil))
	}
	return list
}

// A process that is killed, or stands still, is named by the other within the timeout; one that is asked to end
// ends with the other. The checkpoint is whole each time, and the run ends with the bits of
// one that nothing has happened to.
func TestGroupIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes one after another, which takes long with the race detector and shows it nothing")
	}
	torchtest.Need(t)
	t.Parallel()
	model := func(dir string) []byte {
		text, err := os.ReadFile(filepath.Join(dir, ModelFile))
		require.NoError(t, err)
		return text
	}
	whole := t.TempDir()
	for _, p := range startGroup(t, 2, whole) {
		require.Equal(t, 0, p.End(), p.Said())
	}
	dir := t.TempDir()
	last := 0
	for i, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGSTOP, syscall.SIGKILL} {
		victim := i / 3 // rank 1 and, at last, rank 0
		list := startGroup(t, 2, dir)
		victim = 1 - victim
		began := last
		list[0].Until(t, time.Minute, func() bool {
			if h, err := LoadHistory(filepath.Join(dir, HistoryFile)); err == nil {
				last = h.Len()
			}
			return last > began+3
		})
		require.Greater(t, last, began+3, list[0].Said())
		require.NoError(t, list[victim].Process.Signal(s))
		other := list[1-victim]
		assert.Equal(t, 3, other.End())
		switch s {
		case syscall.SIGTERM:
			assert.Equal(t, 3, list[victim].End())
			assert.Contains(t, list[victim].Said(), "training was interrupted")
			assert.Contains(t, other.Said(), "another process of the group was asked to end")
		default:
			assert.Regexp(t, fmt.Sprintf(`rank %d \(127\.0\.0\.1:\d+\) does not answer`, victim), other.Said())
			_ = list[victim].Process.Kill()
			list[victim].End()
		}
		checkWhole(t, dir)
	}
	for _, p := range startGroup(t, 2, dir) {
		require.Equal(t, 0, p.End(), p.Said())
	}
	assert.Equal(t, model(whole), model(dir))
}

// Two hosts train over a bad link, which is cut once, and end with the bits of one host.
func TestGroupOfHosts(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes one after another, which takes long with the race detector and shows it nothing")
	}
	torchtest.Need(t)
	t.Parallel()
	hosts := torchtest.NewHosts(t)
	hosts.Spoil(t)
	whole, dir, few := t.TempDir(), t.TempDir(), childFew+"=4"
	for _, p := range startRanks(t, "127.0.0.1", []*exec.Cmd{child(whole, few), child(whole, few)}) {
		require.Equal(t, 0, p.End(), p.Said())
	}
	start := func() []*torchtest.Process {
		var cmds []*exec.Cmd
		for host := range hosts {
			cmd := hosts.Command(host, os.Args[0])
			cmd.Env = child(dir, few).Env
			cmds = append(cmds, cmd)
		}
		return startRanks(t, "10.77.0.1", cmds)
	}
	list := start()
	list[0].Until(t, time.Minute, func() bool { return strings.Contains(list[0].Said(), "phase: trained 1") })
	hosts.Link(t, "down")
	began := time.Now()
	for rank, p := range list {
		assert.Equal(t, 3, p.End())
		assert.Regexp(t, fmt.Sprintf(`rank %d \(10\.77\.0\.%d:\d+\) does not answer`, 1-rank, 2-rank), p.Said())
	}
	assert.Less(t, time.Since(began), groupTimeout+5*time.Second)
	hosts.Link(t, "up")
	for _, p := range start() {
		require.Equal(t, 0, p.End(), p.Said())
		assert.NotContains(t, p.Said(), "phase: trained 0", "it has not gone on from the last checkpoint")
	}
	requireSameFiles(t, files(t, whole), files(t, dir))
}

// Of two processes of Launch one is killed, or stands still: the other one says so, and Launch
// which was the first to fail.
func TestLaunchIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes one after another, which takes long with the race detector and shows it nothing")
	}
	torchtest.Need(t)
	t.Parallel()
	for signal, want := range map[syscall.Signal]dist.RankError{
		syscall.SIGKILL: {Rank: 1, Code: 137, State: "signal: killed"},
		syscall.SIGSTOP: {Rank: 0, Code: 3, State: "exit status 3", Killed: []string{"rank 1"}},
	} {
		dir := t.TempDir()
		cmd, text, ended := child(dir), new(torchtest.Process), make(chan error)
		cmd.Stderr = text
		go func() {
			ended <- dist.Launch(context.Background(), 2, cmd, dist.LaunchOptions{ShutdownTimeout: 2 * time.Second})
		}()
		require.Eventually(t, func() bool { return strings.Contains(text.Said(), "[rank1]: phase: trained 2") }, time.Minute, time.Millisecond)
		pid, err := strconv.Atoi(regexp.MustCompile(`\[rank1\]: phase: start (\d+)`).FindStringSubmatch(text.Said())[1])
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(pid, signal))
		struck := time.Now()
		failed, ok := errors.AsType[*dist.RankError](<-ended)
		require.True(t, ok)
		assert.Less(t, time.Since(struck), groupTimeout+5*time.Second)
		if want.Code == 137 && failed.Rank == 0 { // where the launcher hears of its end first
			want = dist.RankError{Code: 3, State: "exit status 3"}
		}
		want.PID = failed.PID
		assert.Equal(t, &want, failed)
		assert.Regexp(t, `dist: rank 0 of 2: .*rank 1 \(127\.0\.0\.1:\d+\) does not answer`, text.Said())
		checkWhole(t, dir)
	}
}
