// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"io"
	"time"
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
