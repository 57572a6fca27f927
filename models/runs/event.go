// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"fmt"
	"strings"

	"github.com/etude-ml/etude/trainer"
)

// Stage is the kind of an [Event].
type Stage int

// The stages, in the order in which a network passes them.
const (
	Notice  Stage = iota // Text is a message for people
	Reading              // Done of Total files have been read
	Read                 // the data has been read; Text counts it, and is empty after a failure
	Waiting              // the network waits to be trained for Total epochs at most
	Fitting              // training began, or Done of Total epochs are done and Text has the last one's losses
	Fitted               // training ended; Text describes the result and is empty after a failure
	Failed               // Err ended this network, and the others of the plan go on
)

// Event reports how far a network is.
type Event struct {
	Network     string
	Run         string // which of the runs of a [Sweep]; empty outside of one, and while data is read
	Stage       Stage
	Done, Total int
	Text        string
	Epoch       trainer.Epoch // the last one, while training is under way
	Err         error
}

// Name returns the network and, in a sweep, which of its runs it is.
func (e Event) Name() string { return strings.TrimSpace(e.Network + " " + e.Run) }

// String returns a line for a log.
func (e Event) String() string {
	what := [...]string{Reading: "reading", Read: "read", Waiting: "waiting", Fitting: "training", Fitted: "trained"}
	name := e.Name()
	switch {
	case e.Err != nil && e.Run != "":
		return e.Run + ": " + e.Err.Error()
	case e.Err != nil:
		return e.Err.Error()
	case e.Stage == Notice:
		return name + ": " + e.Text
	}
	line := fmt.Sprintf("%s: %s", name, what[e.Stage])
	if e.Total > 0 {
		line += fmt.Sprintf(" %d of %d", e.Done, e.Total)
	}
	if e.Text != "" {
		line += ": " + e.Text
	}
	return line
}
