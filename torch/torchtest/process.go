// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// When processes meet, libtorch asks the name server what their addresses are called, for 5 seconds
// and once more if it does not answer. Some tests allow a group less.
func init() { _ = os.Setenv("RES_OPTIONS", "timeout:1 attempts:1") }

// Process is a program that runs while a test reads what it writes to stderr.
type Process struct {
	*exec.Cmd
	mu     sync.Mutex
	stderr bytes.Buffer
	ended  chan struct{}
}

// Start starts a program. If it still runs at the end of the test, kill ends it; nil
// stands for a signal to the process.
func Start(t *testing.T, cmd *exec.Cmd, kill func()) *Process {
	t.Helper()
	p := &Process{Cmd: cmd, ended: make(chan struct{})}
	p.Stderr = p
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		switch {
		case p.Ended():
		case kill != nil:
			kill()
		default:
			_ = p.Process.Kill()
		}
		<-p.ended
	})
	return p
}

// FreePort returns a port of 127.0.0.1 on which nobody listens. The system gives it to nobody who
// asks for any port, as it would give one of its own choice before the test can use it.
func FreePort(tb testing.TB) int {
	for range 100 {
		port := 10000 + rand.IntN(20000)
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	tb.Fatal("no port of 127.0.0.1 is free")
	return 0
}

// Write takes what the program writes to stderr.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.Write(b)
}

// Said returns what the program has written to stderr so far.
func (p *Process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// Ended reports whether the program has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Until waits until so returns true or the program has ended, and fails the test after
// the time that is given.
func (p *Process) Until(t *testing.T, most time.Duration, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); !so() && !p.Ended(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(p.Said())
		}
	}
}

// End waits for the end and returns the exit code, -1 for a kill.
func (p *Process) End() int {
	<-p.ended
	return p.ProcessState.ExitCode()
}
