// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"fmt"
	"time"

	"github.com/etude-ml/etude/scripts/internal/plain"
)

// quarters is how many lines a job has in a log, and pause is the time after which
// there is one more.
const (
	quarters = 4
	pause    = 15 * time.Second
)

// Start begins to show one more job, below the others, that counts to total (0:
// nobody knows how far). It must be finished.
func (g *Group) Start(title string, unit Unit, total int64) *Job {
	j := g.Queue(title, unit, total)
	j.Begin()
	return j
}

// Queue shows one more job, below the others, that waits for its [Job.Begin]: its
// clock stands still until then. It must be finished.
func (g *Group) Queue(title string, unit Unit, total int64) *Job {
	now := time.Now()
	j := &Job{group: g, title: plain.Text(title), unit: unit, total: max(total, 0), waiting: true, started: now, lastLine: now}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.live++
	if g.terminal {
		g.jobs = append(g.jobs, j)
		g.columns.grow(j.cells(now))
		if g.screen == nil {
			g.screen = newScreen(g.w)
			go g.refresh(g.screen)
		}
	}
	return j
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
