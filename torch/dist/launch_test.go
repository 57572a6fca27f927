// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build linux

package dist_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/torchtest"
)

// shell returns a command that runs a script, in a folder of its own, and what it prints.
func shell(t *testing.T, script string) (cmd *exec.Cmd, out *bytes.Buffer) {
	cmd, out = exec.Command("sh", "-c", script), new(bytes.Buffer)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), out, out
	return cmd, out
}

// Three ranks get the variables that torchrun sets, and the lines of all but rank 0 say whose
// they are.
func TestLaunchIsLikeTorchrun(t *testing.T) {
	const script = `echo "$RANK $LOCAL_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE $MASTER_ADDR"; printf end >&2`
	t.Setenv("TORCHELASTIC_USE_AGENT_STORE", "True") // of a torchrun around us
	cmd, out := shell(t, script+`; echo "$TORCHELASTIC_USE_AGENT_STORE $OMP_NUM_THREADS"`)
	cmd.Env = append(cmd.Environ(), "OMP_NUM_THREADS=7")
	require.NoError(t, dist.Launch(context.Background(), 3, cmd, dist.LaunchOptions{}))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	slices.Sort(lines)
	assert.Equal(t, []string{
		" 7", "0 0 3 3 127.0.0.1", "[rank1]:  7", "[rank1]: 1 1 3 3 127.0.0.1", "[rank1]: end",
		"[rank2]:  7", "[rank2]: 2 2 3 3 127.0.0.1", "[rank2]: end", "end",
	}, lines)

	torchrun := exec.Command(filepath.Join(filepath.Dir(torchtest.Python(t)), "torchrun"),
		"--nproc-per-node=3", "--master-addr=127.0.0.1", fmt.Sprint("--master-port=", torchtest.FreePort(t)), "--no-python", "sh", "-c", script)
	theirs, err := torchrun.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(theirs)) {
		assert.Contains(t, out.String(), line)
	}
}

// Ranks of both languages meet at the port, whichever serves the store.
func TestLaunchTrains(t *testing.T) {
	torchtest.Need(t)
	python, err := filepath.Abs("testdata/ddp.py")
	require.NoError(t, err)
	want := train(t, "mlp", "go")[0]
	for _, rank := range []int{-1, 0} { // of Python, or none
		cmd, out := shell(t, `if [ "$RANK" = "$PYTHON_RANK" ]; then exec "$PYTHON" "$SCRIPT" mlp; fi; exec "$PROGRAM"`)
		cmd.Stderr = os.Stderr
		cmd.Env = append(cmd.Environ(), workVariable+"=mlp", fmt.Sprint("PYTHON_RANK=", rank), "SCRIPT="+python, "PROGRAM="+os.Args[0])
		if rank >= 0 {
			cmd.Env = append(cmd.Env, "PYTHON="+torchtest.Python(t))
		}
		require.NoError(t, dist.Launch(context.Background(), 2, cmd, dist.LaunchOptions{}))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 2)
		for i, line := range lines {
			var r result
			require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(line, "[rank1]: ")), &r))
			same(t, want, r, fmt.Sprintf("line %d, with Python's rank %d", i, rank))
		}
	}
}

// alive reports whether a process runs.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestLaunchFails(t *testing.T) {
	const (
		// Rank 1 does something when the others are ready; each process tells its number.
		ranks = `echo $$; if [ $RANK = 1 ]; then until [ -e 0 ] && [ -e 2 ]; do sleep 0.01; done; %s; fi; %s; touch $RANK; sleep 60 & echo $!; wait; wait`
		ends  = `trap 'echo asked; exit 0' TERM`
		hangs = `trap '' TERM INT`
	)
	stop := errors.New("enough")
	for name, c := range map[string]struct {
		script  string
		timeout time.Duration
		signal  syscall.Signal // comes when all are ready; 0 for none
		cancel  bool
		want    dist.RankError
		asked   int
	}{
		"all is well":     {script: `sleep 60 & echo $!`},
		"exit code":       {script: fmt.Sprintf(ranks, "exit 7", ends), want: dist.RankError{Rank: 1, Code: 7, State: "exit status 7"}, asked: 2},
		"killed":          {script: fmt.Sprintf(ranks, "kill -KILL $$", ends), want: dist.RankError{Rank: 1, Code: 137, State: "signal: killed"}, asked: 2},
		"the others hang": {script: fmt.Sprintf(ranks, "exit 7", hangs), timeout: 300 * time.Millisecond, want: dist.RankError{Rank: 1, Code: 7, State: "exit status 7", Killed: []string{"rank 0", "rank 2"}}},
		"one stands still": {script: fmt.Sprintf(ranks, "exit 7", `[ $RANK = 0 ] && { (until grep -q "State:.T" /proc/$$/status; do sleep 0.01; done; touch 0) & kill -STOP $$; }; `+ends), timeout: 3 * time.Second, asked: 1, // rank 2 needs a part of it
			want: dist.RankError{Rank: 1, Code: 7, State: "exit status 7", Killed: []string{"rank 0"}}},
		"the context ends": {script: fmt.Sprintf(ranks, "touch 1; sleep 60", ends), cancel: true, want: dist.RankError{Rank: 1, Code: 143, State: "signal: terminated"}, asked: 2},
		"a signal":         {script: fmt.Sprintf(ranks, "trap 'sleep 0.2; exit 130' INT; touch 1; sleep 60 & wait", `trap 'echo asked; sleep 0.4; exit 0' INT; trap 'echo asked' TERM`), signal: syscall.SIGINT, want: dist.RankError{Rank: 1, Code: 130, State: "exit status 130"}, asked: 2},
		"a signal in vain": {script: fmt.Sprintf(ranks, "trap 'exit 0' INT; touch 1; sleep 60 & wait", hangs), signal: syscall.SIGINT, timeout: 300 * time.Millisecond, want: dist.RankError{Code: 137, State: "signal: killed", Killed: []string{"rank 0", "rank 2"}}},
		"only a message":   {script: fmt.Sprintf(ranks, "trap 'exit 0' USR1; touch 1; sleep 60 & wait", `trap 'echo asked; exit 0' USR1`), signal: syscall.SIGUSR1, asked: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			cmd, out := shell(t, c.script)
			signals := make(chan os.Signal, 1)
			if c.signal != 0 || c.cancel {
				go func() {
					for rank := 0; rank < 3; time.Sleep(10 * time.Millisecond) {
						if _, err := os.Stat(filepath.Join(cmd.Dir, strconv.Itoa(rank))); err == nil {
							rank++
						}
					}
					if c.cancel {
						cancel(stop)
					} else {
						signals <- c.signal
					}
				}()
			}
			began := time.Now()
			err := dist.Launch(ctx, 3, cmd, dist.LaunchOptions{ShutdownTimeout: c.timeout, Signals: signals})
			assert.Less(t, time.Since(began), 25*time.Second, "nobody waited for the 30 or 60 seconds")
			assert.Equal(t, c.cancel, errors.Is(err, stop))
			if c.want.Code == 0 {
				require.NoError(t, err)
			} else {
				failed, ok := errors.AsType[*dist.RankError](err)
				require.True(t, ok, "%v", err)
				c.want.PID = failed.PID
				if c.want.Rank == 0 { // the first of those that were killed
					c.want.Rank = failed.Rank
				}
				assert.Equal(t, &c.want, failed)
				assert.Contains(t, out.String(), fmt.Sprintln(failed.PID))
			}
			assert.Equal(t, c.asked, strings.Count(out.String(), "asked"), out.String())
			pids := 0
			for line := range strings.Lines(out.String()) {
				fields := strings.Fields(line)
				if pid := fields[len(fields)-1]; pid != "asked" {
					pids++
					// The kernel takes a moment to end what a process has left behind.
					assert.Eventually(t, func() bool { return !alive(pid) }, 10*time.Second, time.Millisecond, "%s is left", line)
				}
			}
			assert.GreaterOrEqual(t, pids, 3)
		})
	}
	err := dist.Launch(context.Background(), 2, exec.Command("./not-there"), dist.LaunchOptions{})
	assert.ErrorIs(t, err, os.ErrNotExist)
	err = dist.Launch(context.Background(), 2, exec.CommandContext(t.Context(), "true"), dist.LaunchOptions{})
	require.ErrorContains(t, err, "not its Stdin, ExtraFiles, SysProcAttr or context")
	closed := make(chan os.Signal)
	close(closed)
	require.NoError(t, dist.Launch(context.Background(), 2, exec.Command("sleep", "0.1"), dist.LaunchOptions{Signals: closed}))
	err = dist.Launch(context.Background(), 0, exec.Command("true"), dist.LaunchOptions{})
	assert.EqualError(t, err, "dist: Launch starts at least 1 process, not 0")
}

// Nobody else gets the port of the store while the processes run.
func TestLaunchHoldsItsPort(t *testing.T) {
	bind := func(port int) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		defer func() { _ = unix.Close(fd) }()
		return unix.Bind(fd, &unix.SockaddrInet4{Port: port})
	}
	cmd, _ := shell(t, `echo $MASTER_PORT > new; mv new port; until [ -e done ]; do sleep 0.01; done`)
	ended := make(chan error)
	go func() { ended <- dist.Launch(context.Background(), 1, cmd, dist.LaunchOptions{}) }()
	var port int
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(cmd.Dir, "port"))
		port, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	assert.ErrorIs(t, bind(port), unix.EADDRINUSE)
	require.NoError(t, os.WriteFile(filepath.Join(cmd.Dir, "done"), nil, 0o644))
	require.NoError(t, <-ended)
	assert.NoError(t, bind(port))
}

// writers matches libtorch's threads that write to other processes.
var writers = regexp.MustCompile(`^(gloo_tcp_loop|pt_gloo_runloop|pt_tcpstore_uv)`)

// A connection that another process has closed ends no process of ours: SIGPIPE would, in a
// thread that Go has not started.
func TestBrokenPipe(t *testing.T) {
	ranks(t, 2, time.Minute, func(g *dist.Group) {
		assert.NoError(t, g.Barrier())
		if g.Rank == 1 {
			return
		}
		tasks, err := filepath.Glob("/proc/self/task/*/comm")
		assert.NoError(t, err)
		var signalled []string
		for _, task := range tasks {
			name, err := os.ReadFile(task)
			if text := strings.TrimSpace(string(name)); err == nil && writers.MatchString(text) {
				tid, err := strconv.Atoi(filepath.Base(filepath.Dir(task)))
				assert.NoError(t, err)
				assert.NoError(t, unix.Tgkill(os.Getpid(), tid, unix.SIGPIPE))
				signalled = append(signalled, text)
			}
		}
		assert.GreaterOrEqual(t, len(signalled), 3, signalled)
		time.Sleep(50 * time.Millisecond) // until they have got it
	})
}
