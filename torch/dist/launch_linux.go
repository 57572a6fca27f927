// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Launch runs a command as n processes of this machine, the ranks 0 to n-1, and waits for
// all of them. cmd is what to run, with its Dir, Env, Stdout and Stderr, and nothing else set; it
// is not started itself. Each process has torchrun's variables RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE,
// MASTER_ADDR and MASTER_PORT and, unless it is set already, OMP_NUM_THREADS, its share of the
// cores.
//
// Rank 0 writes to cmd.Stdout and cmd.Stderr; each line of the others has the rank in front,
// as in "[rank1]: ". No process has an input.
//
// When the first process fails, the others get SIGTERM. So they do when ctx ends. A process
// that has not ended within the ShutdownTimeout after that, or after SIGINT, SIGTERM, SIGHUP or
// SIGQUIT of o.Signals, is killed. The error is a *[RankError] if a process has failed, and
// wraps that of ctx if it has ended before.
//
// Each process has a session of its own, so that ctrl-C reaches it through o.Signals only, and
// once. Signals reach what it has started too; what is left of that when the process ends is
// killed. If this program is killed, so are the processes.
func Launch(ctx context.Context, n int, cmd *exec.Cmd, o LaunchOptions) error {
	if n < 1 {
		return fmt.Errorf("dist: Launch starts at least 1 process, not %d", n)
	}
	if cmd.Stdin != nil || cmd.ExtraFiles != nil || cmd.SysProcAttr != nil || cmd.Cancel != nil {
		return errors.New("dist: Launch takes the Path, Args, Dir, Env, Stdout and Stderr of a command, and not its Stdin, ExtraFiles, SysProcAttr or context, which is an argument of Launch")
	}
	port, release, err := holdPort()
	if err != nil {
		return fmt.Errorf("dist: no port for the store of the processes: %w", err)
	}
	defer release()
	// The kernel kills a process when the thread ends that has started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	env := slices.DeleteFunc(cmd.Environ(), func(v string) bool { return strings.HasPrefix(v, "TORCHELASTIC_") })
	if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "OMP_NUM_THREADS=") }) {
		env = append(env, fmt.Sprint("OMP_NUM_THREADS=", max(1, runtime.GOMAXPROCS(0)/n)))
	}
	env = append(env, "MASTER_ADDR=127.0.0.1", fmt.Sprint("MASTER_PORT=", port), fmt.Sprint("WORLD_SIZE=", n), fmt.Sprint("LOCAL_WORLD_SIZE=", n))

	running := map[int]*exec.Cmd{}
	signal := func(s syscall.Signal) {
		for _, c := range running {
			_ = syscall.Kill(-c.Process.Pid, s) // what has ended is there until it was waited for
		}
	}
	var deadline <-chan time.Time
	stop := func(s syscall.Signal) {
		signal(s)
		if deadline == nil {
			deadline = time.After(cmp.Or(o.ShutdownTimeout, 30*time.Second))
		}
	}
	end := func() {
		if deadline == nil { // a second request may end at once what is saving its state
			stop(syscall.SIGTERM)
		}
	}
	var turn sync.Mutex
	output := func(w io.Writer, rank int) io.Writer {
		label := ""
		switch _, file := w.(*os.File); {
		case w == nil || rank == 0 && file:
			return w
		case rank > 0:
			label = fmt.Sprintf("[rank%d]: ", rank)
		}
		return &labelled{mu: &turn, w: w, label: label}
	}
	ended := make(chan int, n)
	for rank := range n {
		c := &exec.Cmd{
			Path: cmd.Path, Args: cmd.Args, Dir: cmd.Dir, Err: cmd.Err, Stdout: output(cmd.Stdout, rank), Stderr: output(cmd.Stderr, rank),
			Env:         append(slices.Clip(env), fmt.Sprint("RANK=", rank), fmt.Sprint("LOCAL_RANK=", rank)),
			SysProcAttr: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
			WaitDelay:   time.Second, // for what has left the session and holds the output
		}
		if err = c.Start(); err != nil {
			stop(syscall.SIGKILL)
			break
		}
		running[rank] = c
		go func() {
			for unix.Waitid(unix.P_PID, c.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
			}
			ended <- rank
		}()
	}

	var failed *RankError
	var killed []string
	var cause error // why they were asked to end, before one has failed
	done := ctx.Done()
	for len(running) > 0 {
		select {
		case s := <-o.Signals:
			switch s, known := s.(syscall.Signal); {
			case !known: // the channel is closed
				o.Signals = nil
			case slices.Contains(requests, s):
				stop(s)
			default:
				signal(s)
			}
		case <-done:
			done = nil
			if failed == nil {
				cause = context.Cause(ctx)
			}
			end()
		case <-deadline:
			for _, rank := range slices.Sorted(maps.Keys(running)) {
				killed = append(killed, fmt.Sprint("rank ", rank))
			}
			signal(syscall.SIGKILL)
		case rank := <-ended:
			c := running[rank]
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			err := c.Wait()
			delete(running, rank)
			for _, w := range []io.Writer{c.Stdout, c.Stderr} {
				if l, ok := w.(*labelled); ok {
					err = cmp.Or(err, l.flush(l.rest))
				}
			}
			if err == nil || errors.Is(err, exec.ErrWaitDelay) || failed != nil {
				continue
			}
			failed = &RankError{Rank: rank, PID: c.Process.Pid, Code: c.ProcessState.ExitCode(), State: err.Error()}
			switch status := c.ProcessState.Sys().(syscall.WaitStatus); {
			case status.Signaled():
				failed.Code = 128 + int(status.Signal())
			case status.ExitStatus() == 0: // and its output could not be written
				failed.Code = 1
			}
			end()
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("dist: %w", err)
	case failed == nil:
		return nil
	}
	failed.Killed = killed
	if cause != nil {
		return fmt.Errorf("dist: %w: %w", cause, failed)
	}
	return failed
}

// requests lists the signals that ask a program to end.
var requests = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// holdPort returns a port of this machine that the system gives to nobody until it is
// released. It is bound, and nobody listens: so rank 0's store, which like most servers lets
// addresses be used again, can listen there, and whoever asks for any free port gets another.
func holdPort() (port int, release func(), err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, err
	}
	release = func() { _ = unix.Close(fd) }
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var bound unix.Sockaddr
	if err == nil {
		bound, err = unix.Getsockname(fd)
	}
	if err != nil {
		release()
		return 0, nil, err
	}
	return bound.(*unix.SockaddrInet4).Port, release, nil
}
