// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"fmt"
	"io"
	"time"

	"github.com/etude-ml/etude/scripts/internal/plain"
)

// refresh is the time between two drawings of the live lines.
const refresh = 100 * time.Millisecond

// NewGroup makes a group that writes to w; terminal reports whether w is a terminal.
func NewGroup(w io.Writer, terminal bool) *Group {
	return &Group{w: w, terminal: terminal}
}

// refresh draws the live lines again and again until those of s have ended.
func (g *Group) refresh(s *screen) {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for range ticker.C {
		g.mu.Lock()
		live := g.screen == s
		if live {
			g.draw("")
		}
		g.mu.Unlock()
		if !live {
			return
		}
	}
}

// draw writes lines that stay, and below them the live ones.
func (g *Group) draw(said string) {
	width, height := g.screen.room()
	var lines []string
	for _, j := range g.jobs[:min(height, len(g.jobs))] {
		lines = append(lines, j.line(width))
	}
	g.screen.draw(said, lines)
}

// Say writes a line that stays, above the live lines. While there are any, it is
// the only safe way to write to the terminal. The text needs no line break at its
// end.
func (g *Group) Say(format string, args ...any) {
	text := plain.Sprintf(format, args...)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.screen != nil {
		g.draw(text + "\n")
		return
	}
	// What cannot be shown must not end the work.
	_, _ = io.WriteString(g.w, text+"\n")
}

// print writes a whole line to a log.
func (g *Group) print(text string) { g.Say("%s", text) }

// leave takes a finished job from those that are live. After the last one it puts the
// summaries in the place of the live lines.
func (g *Group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.live--; g.live > 0 || g.screen == nil {
		return
	}
	said := ""
	for _, j := range g.jobs {
		j.mu.Lock()
		if end := j.end(); end != "" {
			said += end + "\n"
		}
		j.mu.Unlock()
	}
	g.screen.draw(said, nil)
	g.screen, g.jobs, g.columns = nil, nil, columns{}
}

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
