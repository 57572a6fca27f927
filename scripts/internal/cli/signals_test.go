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

// TestMain is also the program that the test below sends signals to: it notes
// the first one and does not end by itself.
func TestMain(m *testing.M) {
	if os.Getenv("ETUDE_TEST_SIGNALS") == "" {
		os.Exit(m.Run())
	}
	ctx, stop := withSignals(context.Background(), func(string, ...any) {}, new(trainer.Control))
	defer stop()
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
		cmd.Env = append(os.Environ(), "ETUDE_TEST_SIGNALS=1")
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
