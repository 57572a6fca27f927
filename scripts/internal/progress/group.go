// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"io"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"

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

	// life orders what begins, ends and is said. Drawing never takes it: the end
	// of the drawing is waited for while it is held.
	life sync.Mutex
	idle *sync.Cond    // live is 0
	bars *mpb.Progress // nil while no line is live
	jobs []*Job        // of the live lines, finished or not
	live int           // unfinished jobs

	mu      sync.Mutex // the last to be taken
	columns columns
}

// NewGroup makes a group that writes to w; terminal says whether w is one.
func NewGroup(w io.Writer, terminal bool) *Group {
	g := &Group{w: w, terminal: terminal}
	g.idle = sync.NewCond(&g.life)
	return g
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
	g.life.Lock()
	defer g.life.Unlock()
	g.live++
	if !g.terminal {
		return j
	}
	if g.bars == nil {
		g.bars = mpb.New(mpb.WithConsoleWriter(newScreen(g.w)), mpb.WithRefreshRate(refresh))
	}
	j.gauge = gauge(j.total > 0)
	g.mu.Lock()
	g.columns.grow(j.cells(now))
	g.mu.Unlock()
	// What is counted is ours, so that Set need not wake the library. A terminal
	// that cannot be written to any more has no bar, and must not end the job.
	j.bar, _ = g.bars.Add(0, mpb.BarFillerFunc(j.draw), mpb.BarFillerTrim())
	g.jobs = append(g.jobs, j)
	return j
}

// Say writes a line that stays, above the live lines. While there are any, it is
// the only safe way to write to the terminal. The text needs no line break at its
// end.
func (g *Group) Say(format string, args ...any) {
	text := plain.Sprintf(format, args...)
	g.life.Lock()
	defer g.life.Unlock()
	if g.bars != nil {
		if _, err := io.WriteString(g.bars, text+"\n"); err == nil {
			return
		}
	}
	g.print(text)
}

// Wait waits until all jobs are finished. Then the terminal is free.
func (g *Group) Wait() {
	g.life.Lock()
	defer g.life.Unlock()
	for g.live > 0 {
		g.idle.Wait()
	}
}

// leave takes a finished job from those that are waited for.
func (g *Group) leave() {
	g.life.Lock()
	defer g.life.Unlock()
	if g.live--; g.live > 0 {
		return
	}
	if g.bars != nil {
		g.settle()
	}
	g.idle.Broadcast()
}

// settle puts the summaries in the place of the live lines.
func (g *Group) settle() {
	for _, j := range g.jobs {
		if j.bar != nil {
			j.bar.Abort(true)
		}
	}
	g.bars.Wait()
	var ends []string
	for _, j := range g.jobs {
		j.mu.Lock()
		end := j.end()
		j.mu.Unlock()
		if end != "" {
			ends = append(ends, end)
		}
	}
	if len(ends) > 0 {
		g.print(strings.Join(ends, "\n"))
	}
	g.bars, g.jobs, g.columns = nil, nil, columns{}
}

// print writes whole lines where none is live.
func (g *Group) print(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	// What cannot be shown must not end the work.
	_, _ = io.WriteString(g.w, text+"\n")
}
