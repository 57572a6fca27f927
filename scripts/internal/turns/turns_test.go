// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package turns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// long is a limit that no answer reaches.
const long = time.Minute

func startShell(ctx context.Context, script string, limit time.Duration) (*Process, error) {
	return Start(ctx, limit, "sh", "-c", script)
}

const hello = "echo hello\n"

func TestWhatKeepsAProgramFromAnswering(t *testing.T) {
	_, err := startShell(t.Context(), `echo "failed: ModuleNotFoundError: No module named 'torch'"; exit 1`, long)
	require.EqualError(t, err, "ModuleNotFoundError: No module named 'torch'")
	_, err = startShell(t.Context(), `printf 'Traceback\nSyntaxError: oh\n' >&2; exit 1`, long)
	require.EqualError(t, err, "exit status 1: SyntaxError: oh")
	_, err = startShell(t.Context(), `exit 0`, long)
	require.EqualError(t, err, "it ended before it answered")
	_, err = Start(t.Context(), long, "/nowhere/python")
	require.ErrorContains(t, err, "/nowhere/python")

	p, err := startShell(t.Context(), hello+`read line; kill -9 $$`, long)
	require.NoError(t, err)
	_, err = p.Ask("question")
	require.ErrorContains(t, err, "signal: killed")
	_, again := p.Ask("question")
	assert.Equal(t, err, again, "it stays dead")
	require.NoError(t, p.Close())
}

// An answer that does not come, for a compilation that never ends, is not waited for.
func TestLimit(t *testing.T) {
	p, err := startShell(t.Context(), hello+`read line; exec sleep 60`, 300*time.Millisecond)
	require.NoError(t, err)
	_, err = p.Ask("question")
	require.ErrorContains(t, err, "no answer within 300ms")
	require.NoError(t, p.Close())

	p, err = startShell(t.Context(), hello+`exec sleep 60`, 300*time.Millisecond)
	require.NoError(t, err)
	require.Error(t, p.Close(), "it does not end by itself")
}

func TestContextEndsTheProgram(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := startShell(ctx, hello+`read line; exec sleep 60`, long)
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = p.Ask("question")
	require.Error(t, err)
}

// What Python has started, compilers, ends with it.
func TestContextEndsItsChildren(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pid := filepath.Join(t.TempDir(), "pid")
	p, err := startShell(ctx, "sleep 60 >/dev/null 2>&1 & echo $! >"+pid+"\n"+hello+`read line; exec sleep 60`, long)
	require.NoError(t, err)
	text, err := os.ReadFile(pid)
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(child, 0))
	cancel()
	_, err = p.Ask("question")
	require.Error(t, err)
	assert.Eventually(t, func() bool { return ended(child) }, 10*time.Second, 10*time.Millisecond)
}

// ended reports whether a process has ended. One that nobody waits for stays as a zombie.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}

// All contestants run in turn, and one that fails is left alone.
func TestRace(t *testing.T) {
	var order []string
	as := func(name string, ms float64) Contestant {
		return Contestant{Name: name, Run: func(n int) (float64, error) {
			order = append(order, name)
			return ms, nil
		}}
	}
	failures := 0
	failing := Contestant{Name: "failing", Run: func(int) (float64, error) { failures++; return 0, errors.New("no compiler\nat all") }}
	results := Race(t.Context(), []Contestant{as("a", 1), {Name: "absent", Absent: errors.New("not here")}, as("b", 2), failing, as("c", 1e6)}, 3, 15*time.Second)
	assert.Equal(t, []string{"a", "a", "b", "b", "c", "c", "a", "b", "c", "a", "b", "c", "a", "b", "c"}, order)
	assert.Equal(t, 1, failures)
	assert.Equal(t, Result{Name: "a", Steps: 1000, Times: []float64{1, 1, 1}}, results[0], "15 s for 3 rounds of 5")
	assert.Equal(t, Result{Name: "absent", Absent: "not here"}, results[1])
	assert.Equal(t, 500, results[2].Steps)
	assert.Equal(t, Result{Name: "failing", Problem: "no compiler"}, results[3])
	assert.Equal(t, 3, results[4].Steps, "at least")
}
