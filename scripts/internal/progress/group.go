// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"io"
	"sync"
	"time"

	"github.com/etude-ml/etude/scripts/internal/plain"
)

// refresh is the time between two drawings of the live lines.
const refresh = 100 * time.Millisecond

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

// NewGroup makes a group that writes to w; terminal says whether w is one.
func NewGroup(w io.Writer, terminal bool) *Group {
	return &Group{w: w, terminal: terminal}
}

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
