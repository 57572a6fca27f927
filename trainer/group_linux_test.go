// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/torchtest"
)

// fitInGroup is a process of a group. It ends its run at SIGTERM.
func fitInGroup(dir string) error {
	group, err := dist.Init(context.Background(), dist.Options{Timeout: 6 * time.Second})
	if err != nil {
		return err
	}
	defer group.Close()
	r := newChildTrial(dir)
	r.Group, r.SaveInterval = group, -1
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	_, err = r.Fit(ctx)
	return err
}

// startGroup starts the processes of a group that saves to dir.
func startGroup(t *testing.T, n int, dir string) (list []*torchtest.Process) {
	port := freePort(t)
	for rank := range n {
		list = append(list, torchtest.Start(t, child(dir, fmt.Sprint("RANK=", rank), fmt.Sprint("WORLD_SIZE=", n), "MASTER_ADDR=127.0.0.1", fmt.Sprint("MASTER_PORT=", port)), nil))
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
