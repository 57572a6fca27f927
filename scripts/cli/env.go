// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/progress"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/trainer"
)

// Exit codes. Interrupts end with those of their signals, 130 and 143, crashes with
// [crash.ExitCode].
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Env holds what a command needs of its process.
type Env struct {
	Context context.Context
	Stdout  io.Writer // results
	Stderr  io.Writer // what people read meanwhile, through lines alone while jobs are shown
	Control *trainer.Control

	own        [2]io.Writer // stdout and stderr themselves, for other processes
	follows    bool         // rank 0 of the group prints what there is to say
	local      int          // number of this process on its machine
	lines      *progress.Group
	saidRights bool
	examined   *libtorch.CUDA // what doctor finds of CUDA; nil before
	saidDriver sync.Once      // that it is waited for
}

// errFailed ends a command with exit code 1 after it has reported itself what failed.
var errFailed = errors.New("failed")

// usageError marks a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// output keeps the first error of writing results, so that not every line of a
// table has to look for it.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	o.err = err
	return n, err
}

// result writes the result of a command, as one JSON value or as text, and ends the
// command with exit code 1 if it was not good.
func (e *Env) result(asJSON bool, v any, text func(io.Writer), good bool) error {
	if asJSON {
		if err := e.printJSON(v, "  "); err != nil {
			return err
		}
	} else {
		text(e.Stdout)
	}
	if !good {
		return errFailed
	}
	return nil
}

// printJSON writes a result as one JSON value, on one line without an indent.
func (e *Env) printJSON(v any, indent string) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(v)
	if err == nil {
		_, err = e.Stdout.Write(plain.JSON(b.Bytes()))
	}
	return err
}

// say writes a line for people, beside the result.
func (e *Env) say(format string, args ...any) {
	e.lines.Say(format, args...)
}

// start begins to show a job.
func (e *Env) start(title string, unit progress.Unit, total int) *progress.Job {
	return e.lines.Start(title, unit, int64(total))
}
