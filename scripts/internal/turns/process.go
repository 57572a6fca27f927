// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package turns

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Process is a program that answers each line of its input with a line; an answer that begins
// with "failed: " is an error. It must be closed.
type Process struct {
	Hello string // its first line

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr Tail
	limit  time.Duration
	cancel context.CancelFunc
	dead   error
}

// Start starts a program and waits for its first line, or returns why there is none. limit is
// how long an answer may take, and how long the end may take.
func Start(ctx context.Context, limit time.Duration, name string, args ...string) (*Process, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{limit: limit, cancel: cancel}
	// Only this program gets ctrl-C in a terminal, and compilers that Python started
	// end with it.
	p.cmd = InGroup(ctx, syscall.SIGTERM, name, args...)
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
	if p.Hello, err = p.answer(); err != nil {
		_ = p.Close() // err explains more than its error
		return nil, err
	}
	return p, nil
}

// Ask writes a question and returns the answer.
func (p *Process) Ask(question string) (string, error) {
	if p.dead != nil {
		return "", p.dead
	}
	fmt.Fprintln(p.in, question) // if the program is gone, there is no answer
	return p.answer()
}

// answer reads a line.
func (p *Process) answer() (string, error) {
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
	if last := p.stderr.Last(); last != "" {
		p.dead = fmt.Errorf("%w: %s", p.dead, last)
	}
	return "", p.dead
}

// Close ends the program.
func (p *Process) Close() error {
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

// InGroup returns a command in a process group of its own, which gets the signal when
// ctx ends.
func InGroup(ctx context.Context, signal syscall.Signal, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, signal) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Tail keeps the end of what is written to it.
type Tail []byte

// Write implements [io.Writer]. It never fails.
func (t *Tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	*t = (*t)[max(0, len(*t)-4096):]
	return len(b), nil
}

// String returns the text without the space around it.
func (t Tail) String() string { return strings.TrimSpace(string(t)) }

// Last returns the last line, which says what ended a Python program.
func (t Tail) Last() string {
	text := t.String()
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
