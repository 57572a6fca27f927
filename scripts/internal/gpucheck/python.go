// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

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
	"syscall"
	"time"
)

// pythonScript is the path of the script that Python runs, below the module's folder.
const pythonScript = "scripts/bench/step.py"

// The variants of a step; see pythonScript.
const (
	variantDefault = "default" // eager, Adam as PyTorch chooses it
	variantFused   = "fused"   // eager, fused Adam
	variantCompile = "compile" // torch.compile(mode="reduce-overhead"), fused Adam
)

// python is a process in which PyTorch trains the five networks, a round at a time, so
// that it can be timed in turn with Etude: a change of the machine's speed then meets
// both. It must be closed.
type python struct {
	Python, Torch string // versions

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr tail
	limit  time.Duration
	cancel context.CancelFunc
	dead   error
}

// startPython starts Python, or returns why it cannot train here. limit is how long an
// answer may take, including what has to be compiled for it, and how long the end may
// take.
func startPython(ctx context.Context, interpreter, script, device string, threads int, limit time.Duration) (*python, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &python{limit: limit, cancel: cancel}
	// Only this program gets ctrl-C in a terminal, and compilers that Python started
	// end with it.
	p.cmd = inGroup(ctx, syscall.SIGTERM, interpreter, script, "--device", device, "--threads", strconv.Itoa(threads))
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.out = bufio.NewReader(out)
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	hello, err := p.answer()
	if err == nil {
		err = json.Unmarshal([]byte(hello), p)
	}
	if err != nil {
		_ = p.close() // err explains more than its error
		return nil, err
	}
	return p, nil
}

// steps trains a network for n steps and returns milliseconds a step.
func (p *python) steps(network, variant string, n int) (float64, error) {
	if p.dead != nil {
		return 0, p.dead
	}
	fmt.Fprintln(p.in, network, variant, n) // if Python is gone, there is no answer
	line, err := p.answer()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(line, 64)
}

// answer reads a line.
func (p *python) answer() (string, error) {
	timer := time.AfterFunc(p.limit, p.cancel)
	line, err := p.out.ReadString('\n')
	late := !timer.Stop()
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
	case late:
		p.dead = fmt.Errorf("no answer within %v", p.limit)
	case p.dead == nil:
		p.dead = errors.New("it ended before it answered")
	}
	if last := p.stderr.last(); last != "" {
		p.dead = fmt.Errorf("%w: %s", p.dead, last)
	}
	return "", p.dead
}

// close ends Python.
func (p *python) close() error {
	defer p.cancel()
	if p.dead != nil {
		return nil
	}
	p.in.Close()
	p.dead = errors.New("it was closed")
	timer := time.AfterFunc(p.limit, p.cancel) // a library may hang in its end
	defer timer.Stop()
	return p.cmd.Wait()
}

// inGroup returns a command in a process group of its own, which gets the signal when
// ctx ends.
func inGroup(ctx context.Context, signal syscall.Signal, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, signal) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// tail keeps the end of what is written to it.
type tail []byte

// Write implements [io.Writer]. It never fails.
func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	*t = (*t)[max(0, len(*t)-4096):]
	return len(b), nil
}

// String returns the text without the space around it.
func (t tail) String() string { return strings.TrimSpace(string(t)) }

// last returns the last line, which says what ended a Python program.
func (t tail) last() string {
	text := t.String()
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
