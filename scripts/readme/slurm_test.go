// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package readme

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The batch script queues the job again only when its time is up: a job that was
// cancelled must stay cancelled. Slurm announces the end of the time with USR2 to the
// shell alone, and stops a job with TERM to each of its processes.
func TestBatchScript(t *testing.T) {
	const (
		ends  = "exit %d"
		stops = `trap 'sleep 0.1; exit %d' TERM; echo > "$CALLS.ready"; while :; do sleep 0.01; done`
	)
	for _, c := range []struct {
		name, training string
		code           int
		signal         syscall.Signal
		all, requeued  bool
	}{
		{name: "done", training: ends, code: 0},
		{name: "wrong usage", training: ends, code: 2},
		{name: "the time is up", training: stops, code: 143, signal: syscall.SIGUSR2, requeued: true},
		{name: "done as the time is up", training: stops, code: 0, signal: syscall.SIGUSR2},
		{name: "failed as the time is up", training: stops, code: 1, signal: syscall.SIGUSR2},
		{name: "cancelled", training: stops, code: 143, signal: syscall.SIGTERM, all: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.replace(t, filepath.Dir(s.calls), "apptainer", stub+fmt.Sprintf(c.training, c.code)+"\n")
			cmd := exec.Command(bash(t), "-c", example(t, "Slurm, with Apptainer", "bash"))
			cmd.Dir, cmd.Env = s.dir, s.env
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			require.NoError(t, cmd.Start())
			group := -cmd.Process.Pid
			defer func() { _ = syscall.Kill(group, syscall.SIGKILL) }()
			if c.signal != 0 {
				require.Eventually(t, func() bool {
					_, err := os.Stat(s.calls + ".ready")
					return err == nil && catches(cmd.Process.Pid, syscall.SIGUSR2, syscall.SIGTERM)
				}, time.Minute, 10*time.Millisecond)
				to := cmd.Process.Pid
				if c.all {
					to = group
				}
				require.NoError(t, syscall.Kill(to, c.signal))
			}
			err := cmd.Wait()
			if c.code == 0 {
				require.NoError(t, err)
			} else {
				exit, ok := errors.AsType[*exec.ExitError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, c.code, exit.ExitCode())
			}
			again := []string{"scontrol", "requeue", "7"}
			if c.requeued {
				assert.Contains(t, s.called(t), again)
			} else {
				assert.NotContains(t, s.called(t), again)
			}
		})
	}
}

// catches reports whether a process has handlers for signals.
func catches(pid int, signals ...syscall.Signal) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	m := regexp.MustCompile(`SigCgt:\s*([0-9a-f]+)`).FindSubmatch(status)
	if m == nil {
		return false
	}
	mask, err := strconv.ParseUint(string(m[1]), 16, 64)
	for _, s := range signals {
		if mask&(1<<(s-1)) == 0 {
			return false
		}
	}
	return err == nil
}
