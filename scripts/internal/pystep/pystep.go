// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package pystep makes PyTorch in Python train the five networks, a round at a time, so
// that a program can time it in turn with Etude: a change of the machine's speed then
// meets both.
package pystep

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Script is the path of the script that Python runs, below the module's folder.
const Script = "scripts/bench/step.py"

// The variants of a step; see Script.
const (
	Default = "default" // eager, Adam as PyTorch chooses it
	Fused   = "fused"   // eager, fused Adam
	Compile = "compile" // torch.compile(mode="reduce-overhead"), fused Adam
)

// Options say how to start.
type Options struct {
	Python  string // the interpreter
	Script  string // a path to [Script]
	Device  string // "cpu", "cuda:0"
	Threads int
	// Limit is how long an answer may take, including what has to be compiled for it,
	// and how long the end may take; no limit if 0.
	Limit time.Duration
}

// Process is a Python process that is ready to train. It must be closed.
type Process struct {
	Python, Torch string // versions

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr Tail
	limit  time.Duration
	cancel context.CancelFunc
	dead   error
}

// Start starts Python. The error says why it cannot train there.
func Start(ctx context.Context, o Options) (*Process, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{limit: o.Limit, cancel: cancel}
	p.cmd = exec.CommandContext(ctx, o.Python, o.Script, "--device", o.Device, "--threads", strconv.Itoa(o.Threads))
	// It has a process group of its own, so that only this program gets ctrl-C in a
	// terminal, and so that compilers that Python started end with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM) }
	p.cmd.WaitDelay = 2 * time.Second
	p.cmd.Stderr = &p.stderr
	var out io.Reader
	var err error
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		out, err = p.cmd.StdoutPipe()
	}
	if err == nil {
		p.out = bufio.NewReader(out)
		err = p.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	hello, err := p.line()
	if err == nil {
		err = json.Unmarshal([]byte(hello), p)
	}
	if err != nil {
		_ = p.Close() // its error says less than the line
		return nil, err
	}
	return p, nil
}

// Steps trains a network for n steps and returns milliseconds a step.
func (p *Process) Steps(network, variant string, n int) (float64, error) {
	if p.dead != nil {
		return 0, p.dead
	}
	fmt.Fprintln(p.in, network, variant, n) // if Python is gone, there is no answer
	line, err := p.line()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(line, 64)
}

// line reads an answer.
func (p *Process) line() (string, error) {
	var late atomic.Bool
	defer p.within(func() { late.Store(true) })()
	line, err := p.out.ReadString('\n')
	line = strings.TrimSpace(line)
	if reason, ok := strings.CutPrefix(line, "failed: "); ok {
		return "", errors.New(reason)
	}
	if err == nil {
		return line, nil
	}
	p.in.Close()
	p.dead = p.cmd.Wait()
	switch {
	case late.Load():
		p.dead = fmt.Errorf("no answer within %v", p.limit)
	case p.dead == nil:
		p.dead = errors.New("it ended before it answered")
	}
	if last := p.stderr.last(); last != "" {
		p.dead = fmt.Errorf("%w: %s", p.dead, last)
	}
	return "", p.dead
}

// within ends Python when the limit is over, unless stop was called by then.
func (p *Process) within(late func()) (stop func()) {
	if p.limit <= 0 {
		return func() {}
	}
	timer := time.AfterFunc(p.limit, func() { late(); p.cancel() })
	return func() { timer.Stop() }
}

// Close ends Python.
func (p *Process) Close() error {
	defer p.cancel()
	if p.dead != nil {
		return nil
	}
	p.in.Close()
	p.dead = errors.New("it was closed")
	defer p.within(func() {})() // a library may hang in its end
	return p.cmd.Wait()
}

// Tail keeps the end of what is written to it.
type Tail []byte

// Write implements [io.Writer]. It never fails.
func (t *Tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	*t = (*t)[max(0, len(*t)-4096):]
	return len(b), nil
}

// last returns the last line, which says what ended a Python program.
func (t Tail) last() string {
	text := strings.TrimSpace(string(t))
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
