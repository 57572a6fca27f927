// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/etude-ml/etude/trainer"
)

// interrupted is the cause of a context that a signal ended. said, unless it is nil, is
// closed when the line about it has been written.
type interrupted struct {
	signal syscall.Signal
	said   chan struct{}
}

func (i interrupted) Error() string { return fmt.Sprintf("ended by %s", name(i.signal)) }

func (i interrupted) code() int { return 128 + int(i.signal) }

func name(s syscall.Signal) string {
	switch s {
	case syscall.SIGINT:
		return "an interrupt"
	case syscall.SIGHUP:
		return "the end of the terminal"
	case syscall.SIGPIPE:
		return "the end of what reads the output"
	}
	return "a request to terminate"
}

// sameRequest is the time after the first signal in which another one counts as the same
// request. Schedulers signal all processes of a job, and launchers among these pass
// signals on, so that one stop arrives here two or three times.
var sameRequest = time.Second // tests change it

// onSignals makes the first interrupt cancel the work in progress, which then saves its
// state. A second one, if it is not the same request, ends the program. SIGUSR1 asks
// networks in training to save and continue, which each of them confirms; at other times
// it does nothing.
//
// A closed terminal is a first interrupt, too, unless nohup made the process ignore it,
// and so is a write without a reader: ctrl-C ends both programs of
// `etude train … 2>&1 | tee log`, and the first line about it must not be the last.
//
// The goroutine that reads signals never writes: a write can wait for ever for a reader
// that has stopped reading, and then no later signal would arrive.
func onSignals(cancel context.CancelCauseFunc, say func(format string, args ...any), control *trainer.Control) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGPIPE)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	done := make(chan struct{})
	go func() {
		var first time.Time
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				cut := interrupted{signal: s.(syscall.Signal)}
				switch {
				case cut.signal == syscall.SIGUSR1:
					control.RequestSave()
					continue
				case cut.signal == syscall.SIGPIPE: // every write sends one
					cancel(cut)
					continue
				case first.IsZero():
					first = time.Now()
				case time.Since(first) < sameRequest:
					continue
				default:
					os.Exit(cut.code())
				}
				cut.said = make(chan struct{})
				cancel(cut)
				go func() {
					defer close(cut.said)
					say("etude: %s: finishing what is at hand; a second one ends at once", name(cut.signal))
				}()
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}
