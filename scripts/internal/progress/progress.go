// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package progress shows people how far jobs are: a live line each on a
// terminal, a few plain lines each in a log.
package progress

import (
	"fmt"
	"sync"
	"time"

	"github.com/etude-ml/etude/scripts/internal/plain"
)

// Unit names the things that a job counts.
type Unit int

// The units.
const (
	Files Unit = iota
	Bytes
	Epochs
)

// quarters is how many lines a job has in a log, and pause is the time after which
// there is one more.
const (
	quarters = 4
	pause    = 15 * time.Second
)

// Job shows one piece of work. Its methods may be called from several
// goroutines.
type Job struct {
	group *Group
	title string
	unit  Unit
	total int64
	spins int // how often its line was drawn; belongs to the group's lock

	mu          sync.Mutex
	waiting     bool      // for Begin
	started     time.Time // when it began, or was queued
	note        string
	first, last mark // of the calls of Set
	finished    bool
	ended       time.Time
	summary     string
	quarter     int64
	lastLine    time.Time
}

// mark records how far a job was at some time.
type mark struct {
	done int64
	at   time.Time
}

// Begin ends the waiting of a queued job.
func (j *Job) Begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.waiting || j.finished {
		return
	}
	j.waiting, j.started = false, time.Now()
	j.lastLine = j.started
	if !j.group.terminal {
		j.group.print(j.title + " …")
	}
}

// Set records that done of the total is done, with a note of what else is known, such
// as a loss. Where a line is short of room, the parts of a note after a ", " go first.
// Set is cheap: a terminal is written to a few times a second, however often Set is
// called.
func (j *Job) Set(done int64, note string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.finished {
		return
	}
	j.note, j.last = note, mark{done, time.Now()}
	if j.first.at.IsZero() {
		j.first = j.last
	}
	if j.group.terminal {
		return
	}
	quarter := j.quarter
	if j.total > 0 {
		quarter = done * quarters / j.total
	}
	if quarter <= j.quarter && j.last.at.Sub(j.lastLine) < pause {
		return
	}
	j.quarter, j.lastLine = quarter, j.last.at
	if note != "" {
		note = ", " + note
	}
	j.group.print(plain.Text(fmt.Sprintf("%s: %s%s", j.title, j.count(done), note)))
}

// Finish ends the job; summary, if any, is a last line that stays. On a
// terminal it takes the place of the job's live line, cut to the width, and is
// written whole when the last job of the group ends.
func (j *Job) Finish(summary string) {
	if j.finish(summary) {
		j.group.leave()
	}
}

// finish reports whether this call is the one that finished the job.
func (j *Job) finish(summary string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.finished {
		return false
	}
	j.finished, j.ended, j.summary = true, time.Now(), summary
	if !j.group.terminal && summary != "" {
		j.group.print(j.end())
	}
	return true
}

// end returns the line of a finished job, "" where it leaves none.
func (j *Job) end() string {
	if j.summary == "" {
		return ""
	}
	return plain.Text(fmt.Sprintf("%s: %s (%.1f s)", j.title, j.summary, j.ended.Sub(j.started).Seconds()))
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
