// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package crash

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crashes lists the ways in which a Go program crashes without a signal from outside.
var crashes = map[string]func(){
	"panic":           func() { panic("on purpose") },
	"panic elsewhere": func() { go func() { panic("on purpose") }(); time.Sleep(time.Minute) },
	"nil pointer":     func() { var p *int; *p = 1 },
	"stack overflow":  func() { debug.SetMaxStack(1 << 20); println(depth(1 << 30)) },
	"two writers": func() {
		m := map[int]int{}
		for range 8 {
			go func() {
				for i := 0; ; i++ {
					m[i%100] = i
				}
			}()
		}
		time.Sleep(time.Minute)
	},
	"out of memory": func() {
		limit := &syscall.Rlimit{Cur: 2 << 30, Max: 2 << 30}
		if err := syscall.Setrlimit(syscall.RLIMIT_AS, limit); err != nil {
			os.Exit(1)
		}
		var held [][]byte
		for {
			held = append(held, make([]byte, 64<<20))
			runtime.KeepAlive(held)
		}
	},
}

// depth calls itself n times, more often than a stack can hold.
func depth(n int) int {
	if n == 0 {
		return 0
	}
	return depth(n-1) + 1
}

// TestMain also serves as the program that crashes, in the way that a variable names.
func TestMain(m *testing.M) {
	if how, ok := os.LookupEnv("ETUDE_TEST_CRASH"); ok {
		UseExitCode()
		if f := crashes[how]; f != nil {
			f()
		}
		os.Stdout.WriteString("ready\n")
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

func command(how string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ETUDE_TEST_CRASH="+how, "GOTRACEBACK=")
	return cmd
}

func TestCrashes(t *testing.T) {
	for how := range crashes {
		out, err := command(how).CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, how)
		assert.Equal(t, ExitCode, exit.ExitCode(), "%s: %.2000s", how, out)
		assert.Contains(t, string(out), "goroutine ", how)
	}
}

func TestSignalsThatCrash(t *testing.T) {
	for _, s := range []syscall.Signal{
		syscall.SIGQUIT, syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGSYS,
	} {
		cmd := command("a signal")
		cmd.Dir = t.TempDir()
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = out.Read(make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Signal(s))
		_ = cmd.Wait()
		assert.Equal(t, ExitCode, cmd.ProcessState.ExitCode(), s)
		cores, err := filepath.Glob(filepath.Join(cmd.Dir, "*"))
		require.NoError(t, err)
		assert.Empty(t, cores, "no core dump is written: %v", s)
	}
}

// The kernel ignores signals to process 1 of a container that has no handler for them.
func TestCrashAsProcessOne(t *testing.T) {
	cmd := command("panic")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWUSER}
	if err := cmd.Start(); err != nil {
		t.Skipf("no namespace of processes can be made here: %v", err)
	}
	_ = cmd.Wait()
	assert.Equal(t, ExitCode, cmd.ProcessState.ExitCode())
}

// With GOTRACEBACK=crash the process aborts, for a core dump.
func TestTracebackOfTheEnvironment(t *testing.T) {
	cmd := command("panic")
	cmd.Env = append(cmd.Env, "GOTRACEBACK=crash")
	cmd.Dir = t.TempDir()
	_ = cmd.Run()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	assert.True(t, status.Signaled())
	assert.Equal(t, syscall.SIGABRT, status.Signal())
}
