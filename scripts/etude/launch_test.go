// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// Rank 0's result is what one process prints.
func TestLaunch(t *testing.T) {
	song := filepath.Join(corpus(t), "training", "chords", "chord_progressions.json")
	one, two := run(t, "features", "harmony", song), run(t, "launch", "-n", "2", "--", "features", "harmony", song)
	require.Equal(t, 0, two.code, two.stderr)
	var rest strings.Builder
	for line := range strings.Lines(two.stdout) {
		if text, other := strings.CutPrefix(line, "[rank1]: "); other {
			rest.WriteString(text)
		}
	}
	assert.Equal(t, one.stdout, rest.String())
	assert.Equal(t, 2*len(one.stdout)+len("[rank1]: ")*strings.Count(one.stdout, "\n"), len(two.stdout))
	require.True(t, json.Valid([]byte(one.stdout[:strings.Index(one.stdout, "\n")])))

	wrong := run(t, "launch", "-n", "2", "--", "train", "all")
	assert.Equal(t, 2, wrong.code)
	assert.Contains(t, wrong.stderr, "missing flag --data")
	assert.Regexp(t, `(?m)^etude: rank [01] \(process \d+\) failed: exit status 2$`, wrong.stderr)
	absent := run(t, "launch", "-n", "2", "--", "./not-there")
	assert.Equal(t, 1, absent.code)
	assert.Contains(t, absent.stderr, "./not-there: no such file")
}

// ctrl-C goes to all processes of the terminal, and each rank gets it once. If the launcher
// is killed, nobody is left.
func TestLaunchEnds(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 9}, {syscall.SIGTERM, 143}, {syscall.SIGKILL, -1}} {
		dir := t.TempDir()
		script := `n=0; trap 'n=$((n + 1)); echo "$n interrupts" >&2; sleep 0.3; exit 9' INT; echo $$ > $RANK.new; mv $RANK.new $RANK; while :; do sleep 0.05; done`
		cmd := exec.Command(etude, "launch", "-n", "2", "--", "/bin/sh", "-c", script)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		p := torchtest.Start(t, cmd, nil)
		pids := make([]string, 2)
		p.Until(t, time.Minute, func() bool {
			for rank, name := range []string{"0", "1"} {
				pid, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					return false
				}
				pids[rank] = strings.TrimSpace(string(pid))
			}
			return true
		})
		require.NoError(t, syscall.Kill(-cmd.Process.Pid, c.signal))
		assert.Equal(t, c.code, p.End(), p.Said())
		if c.signal == syscall.SIGINT {
			assert.Equal(t, 2, strings.Count(p.Said(), "1 interrupts"), p.Said())
			assert.NotContains(t, p.Said(), "2 interrupts")
		}
		for _, pid := range pids {
			assert.Eventually(t, func() bool {
				stat, err := os.ReadFile("/proc/" + pid + "/stat")
				return err != nil || strings.Contains(string(stat), ") Z ")
			}, time.Minute, 10*time.Millisecond, "%v: process %s is left", c.signal, pid)
		}
	}
}
