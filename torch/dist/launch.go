// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// LaunchOptions are those of [Launch].
type LaunchOptions struct {
	// ShutdownTimeout is the time that processes have to end after they were asked to; 0
	// takes torchrun's 30 seconds. Then they are killed.
	ShutdownTimeout time.Duration
	// Signals are passed on to all processes, those of signal.Notify for example.
	Signals <-chan os.Signal
}

// RankError says which process of [Launch] failed first.
type RankError struct {
	Rank, PID int
	// Code is its exit code, or 128 + the number of the signal that ended it, as a shell has it.
	Code  int
	State string // such as "exit status 3"
	// Killed lists the ranks that did not end within the ShutdownTimeout.
	Killed []string
}

// Error names the process, how it ended, and which others had to be killed.
func (e *RankError) Error() string {
	text := fmt.Sprintf("rank %d (process %d) failed: %s", e.Rank, e.PID, e.State)
	if len(e.Killed) > 0 {
		text += fmt.Sprintf("; killed, because they did not end when they were asked to: %s", strings.Join(e.Killed, ", "))
	}
	return text
}

// longLine is the size from which on a line is broken.
const longLine = 64 << 10

// labelled writes whole lines with a label in front.
type labelled struct {
	mu    *sync.Mutex // of all writers to w
	w     io.Writer
	label string
	rest  []byte // the beginning of a line
}

func (l *labelled) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	end := bytes.LastIndexByte(l.rest, '\n') + 1
	if len(l.rest)-end > longLine {
		end = len(l.rest)
	}
	err := l.flush(l.rest[:end])
	l.rest = l.rest[end:]
	return len(b), err
}

func (l *labelled) flush(text []byte) error {
	var all []byte
	for line := range bytes.Lines(text) {
		all = append(append(all, l.label...), bytes.TrimSuffix(line, []byte("\n"))...)
		all = append(all, '\n')
	}
	if all == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.w.Write(all)
	return err
}
