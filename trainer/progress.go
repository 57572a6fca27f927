// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// Log returns a hook for [Run.OnEpoch] that writes one plain line for each epoch, such as
// "epoch 3: training loss 0.0412, validation loss 0.0523". Training goes on if writing
// fails.
func Log(w io.Writer) func(Epoch) error {
	return func(e Epoch) error {
		_, _ = fmt.Fprintln(w, e)
		return nil
	}
}

// Progress reports how far a run is after a step.
type Progress struct {
	Epoch, Epochs int // Epoch counts from 0
	Step, Steps   int // done in this epoch, of how many

	// Loss is the mean of the epoch's losses that have been read from the device, which
	// happens every Run.ReadEvery steps; NaN before the first time.
	Loss float64
	// Last is the epoch before this one; its Index is -1 in the first.
	Last Epoch

	SamplesPerSecond float64       // since Fit began, everything included
	ETA              time.Duration // until all epochs are done, at that rate
}

// Bar returns a hook for [Run.OnProgress] that draws how far the epoch is on one line of a
// terminal, at most ten times a second, and clears the line after the epoch's last batch,
// so that it goes together with [Log]:
//
//	epoch 3/20 |██████████          | 45/90, loss 0.0412, 1200 samples/s, 1m3s left
//
// If w is not a terminal it draws nothing.
func Bar(w *os.File) func(Progress) {
	if !term.IsTerminal(int(w.Fd())) {
		return func(Progress) {}
	}
	return bar(w)
}

func bar(w io.Writer) func(Progress) {
	const width = 20
	var drawn time.Time
	return func(p Progress) {
		line := ""
		switch {
		case p.Step == p.Steps:
		case time.Since(drawn) < time.Second/10:
			return
		default:
			line = fmt.Sprintf("epoch %d/%d |%-*s| %d/%d", p.Epoch+1, p.Epochs, width, strings.Repeat("█", width*p.Step/p.Steps), p.Step, p.Steps)
			if !math.IsNaN(p.Loss) {
				line += fmt.Sprintf(", loss %.4g", p.Loss)
			}
			line += fmt.Sprintf(", %.0f samples/s, %s left", p.SamplesPerSecond, p.ETA.Round(time.Second))
			drawn = time.Now()
		}
		_, _ = fmt.Fprint(w, "\r\x1b[K", line) // the line is cleared first
	}
}
