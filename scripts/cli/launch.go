// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/etude-ml/etude/torch/dist"
)

type launchCommand struct {
	NProcPerNode    int           `short:"n" required:"" name:"nproc-per-node" placeholder:"N" help:"How many processes to start."`
	ShutdownTimeout time.Duration `default:"30s" placeholder:"TIME" help:"Time that processes have to end once one has failed or a signal has come (30s); then they are killed."`
	Args            []string      `arg:"" help:"What each of them runs: the arguments of etude, or a program with a slash in its path and its arguments."`
}

func (launchCommand) Help() string {
	return `Runs the same command as N processes, the ranks 0 to N-1, on this machine, with the variables of torchrun: RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT, which is a free port. Unless OMP_NUM_THREADS is set, each process is given its share of the cores. It does not need Python, and starts nothing again after a failure; torchrun --max-restarts does.

Rank 0 writes to the terminal as if it ran alone. Lines of the others begin with their rank, as in "[rank1]: ". Signals are passed on. When one process fails, the others get SIGTERM, and what has not ended after --shutdown-timeout is killed. The exit code is that of the first process that failed. If this program is killed, so are the processes.

A program that calls dist.Init of torch/dist, or init_process_group in Python, finds the others through these variables. So does "train", which divides each batch among them. Other commands of etude do not divide their work: each process does all of it.

Examples:

    etude launch -n 2 -- train emotion --data ~/music --out runs/first
    etude launch -n 2 -- ./my-program --epochs 20
    etude launch -n 2 -- /usr/bin/python3 ddp.py`
}

// Validate finds mistakes in the command line.
func (c *launchCommand) Validate() error {
	if c.NProcPerNode < 1 {
		return errors.New("-n has to be at least 1")
	}
	if c.ShutdownTimeout <= 0 {
		return errors.New("--shutdown-timeout has to be more than 0")
	}
	return nil
}

// Run starts the processes and waits for them.
func (c *launchCommand) Run(env *Env) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	if env.Context.Err() != nil { // a signal has come before
		return context.Cause(env.Context)
	}
	program, args := c.Args[0], c.Args[1:]
	if !strings.Contains(program, "/") {
		var err error
		if program, err = os.Executable(); err != nil {
			return err
		}
		args = c.Args
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = env.own[0], env.own[1]
	return dist.Launch(context.WithoutCancel(env.Context), c.NProcPerNode, cmd, dist.LaunchOptions{ShutdownTimeout: c.ShutdownTimeout, Signals: signals})
}
