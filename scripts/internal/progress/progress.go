// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package progress shows people how far jobs are: a live line each on a
// terminal, a few plain lines each in a log.
package progress

import (
	"io"
	"sync"
	"time"
)

// Unit names the things that a job counts.
type Unit int

// The units.
const (
	Files Unit = iota
	Bytes
	Epochs
	Runs
)

// Group shows jobs one below the other. Lines are live from the first Start to
// the Finish of the last unfinished job, which writes the summaries for good;
// then the group may begin again. Its methods may be called from several
// goroutines.
type Group struct {
	w        io.Writer
	terminal bool

	// mu guards what follows and orders what is written. On a terminal it is taken
	// before a job's lock, so that Set never waits for a write.
	mu      sync.Mutex
	screen  *screen // nil while no line is live
	jobs    []*Job  // of the live lines, finished or not
	live    int     // unfinished jobs
	columns columns
}

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

// columns holds the largest widths that the cells of a group's lines had so far. They
// only grow, so that the lines stand still.
type columns struct {
	title, count, elapsed, left int
	notes                       []int // of the first part of a note, the first two, …
	spins                       bool
}
