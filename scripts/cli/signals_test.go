// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/trainer"
)

// TestMain is also the program that the tests below send signals to: it notes the
// first one and does not end by itself. The variable sets how long another signal
// counts as the same request.
func TestMain(m *testing.M) {
	window := os.Getenv("ETUDE_TEST_SIGNALS")
	if window == "" {
		os.Exit(m.Run())
	}
	var err error
	if sameRequest, err = time.ParseDuration(window); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	// Whoever reads stderr has stopped, and the first message waits for ever.
	defer onSignals(cancel, func(string, ...any) { select {} }, new(trainer.Control))()
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println(context.Cause(ctx))
	time.Sleep(time.Minute)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		says   string
		code   int
	}{{syscall.SIGINT, "ended by an interrupt", 130}, {syscall.SIGTERM, "ended by a request to terminate", 143}} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ETUDE_TEST_SIGNALS=0s")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan())
		require.NoError(t, cmd.Process.Signal(c.signal))
		require.True(t, lines.Scan(), "the first one is noted")
		assert.Equal(t, c.says, lines.Text())
		require.NoError(t, cmd.Process.Signal(c.signal))
		_ = cmd.Wait()
		assert.Equal(t, c.code, cmd.ProcessState.ExitCode())
	}
}

// What a scheduler sends to all processes of a job, and a launcher passes on once
// more, is one request: the program goes on to save.
func TestSignalsAtOnceAreOne(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ETUDE_TEST_SIGNALS=1h")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.True(t, lines.Scan(), "the first one is noted")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	select {
	case <-ended:
		t.Fatalf("another one ended it: %v", cmd.ProcessState)
	case <-time.After(300 * time.Millisecond):
	}
	require.NoError(t, cmd.Process.Kill())
	<-ended
}
