// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package progress shows people how far a job is: a bar on a terminal, a few
// plain lines in a log.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Unit is what a job counts.
type Unit int

// The units.
const (
	Files Unit = iota
	Bytes
	Epochs
)

// quarters is how many lines a job has in a log, and pause the time after which
// there is one more.
const (
	quarters = 4
	pause    = 15 * time.Second
)

// Job shows one piece of work. Its methods may be called from several
// goroutines.
type Job struct {
	mu       sync.Mutex
	w        io.Writer
	title    string
	unit     Unit
	total    int64
	started  time.Time
	bar      *progressbar.ProgressBar // nil in a log
	lastLine time.Time
	quarter  int64
	finished bool
}

// Start begins to show a job that counts to total (0: nobody knows how far).
// terminal says whether w is one.
func Start(w io.Writer, terminal bool, title string, unit Unit, total int64) *Job {
	j := &Job{w: w, title: title, unit: unit, total: total, started: time.Now(), lastLine: time.Now()}
	if !terminal {
		fmt.Fprintf(w, "%s …\n", title)
		return j
	}
	if total == 0 {
		total = -1 // a spinner
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(title),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(80 * time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetRenderBlankState(true),
	}
	if unit == Bytes {
		options = append(options, progressbar.OptionShowBytes(true))
	} else {
		options = append(options, progressbar.OptionShowCount())
	}
	j.bar = progressbar.NewOptions64(total, options...)
	return j
}

// Set says that done of the total is done; note tells what else is known, such
// as a loss.
func (j *Job) Set(done int64, note string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.finished {
		return
	}
	if j.bar != nil {
		// A terminal that cannot be written to must not end the job.
		text := j.title
		if note != "" {
			text += "  " + note
		}
		j.bar.Describe(text)
		_ = j.bar.Set64(done)
		return
	}
	quarter := j.quarter
	if j.total > 0 {
		quarter = done * quarters / j.total
	}
	if quarter <= j.quarter && time.Since(j.lastLine) < pause {
		return
	}
	j.quarter, j.lastLine = quarter, time.Now()
	fmt.Fprintf(j.w, "%s: %s%s\n", j.title, j.count(done), prefixed(note))
}

// Finish ends the showing; summary, if any, is a last line that stays.
func (j *Job) Finish(summary string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.finished {
		return
	}
	j.finished = true
	if j.bar != nil {
		_ = j.bar.Finish()
		_ = j.bar.Clear()
	}
	if summary != "" {
		fmt.Fprintf(j.w, "%s: %s (%.1f s)\n", j.title, summary, time.Since(j.started).Seconds())
	}
}

func (j *Job) count(done int64) string {
	unit := [...]string{Files: "files", Bytes: "MB", Epochs: "epochs"}[j.unit]
	of := func(n int64) string {
		if j.unit == Bytes {
			return fmt.Sprintf("%.0f", float64(n)/1e6)
		}
		return fmt.Sprint(n)
	}
	if j.total == 0 {
		return of(done) + " " + unit
	}
	return fmt.Sprintf("%s of %s %s", of(done), of(j.total), unit)
}

func prefixed(note string) string {
	if note == "" {
		return ""
	}
	return ", " + note
}
