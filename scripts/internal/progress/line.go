// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/etude-ml/etude/scripts/internal/plain"
)

// gap is the room between two columns; a bar has leastBar to mostBar.
const (
	gap      = 2
	leastBar = 8
	mostBar  = 24
)

// farthest is the longest estimate that is worth showing.
const farthest = 1000 * time.Hour

// cells holds the texts of a live line.
type cells struct {
	title, count, elapsed, left string
	note                        []string // its parts
	spins                       bool
}

// layout describes how much of a line fits on the terminal: the widths of its columns, 0 for
// those that are skipped, and how many parts of the note.
type layout struct {
	title, bar, count, note, elapsed, left int
	parts                                  int
}

// gauge draws how much of a job is done, or that something is done, in the given width.
func (j *Job) gauge(done int64, width int) string {
	if j.total == 0 {
		return `|/-\`[j.spins%4:][:1]
	}
	inner := width - 2
	filled := int(math.Round(float64(min(done, j.total)) / float64(j.total) * float64(inner)))
	return "|" + runewidth.FillRight(strings.Repeat("█", max(filled, 0)), inner) + "|"
}

// line returns the job's line. The group's lock is held.
func (j *Job) line(width int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.finished && j.summary != "" {
		return runewidth.Truncate(j.end(), width, "…")
	}
	c := j.cells(time.Now())
	j.group.columns.grow(c)
	fit := j.group.columns.fit(width)
	line := runewidth.FillRight(runewidth.Truncate(c.title, fit.title, "…"), fit.title)
	add := func(text string) { line += strings.Repeat(" ", gap) + text }
	if fit.bar > 0 {
		bar := ""
		if fit.bar >= leastBar || c.spins {
			bar = j.gauge(j.last.done, fit.bar)
			j.spins++
		}
		add(runewidth.FillRight(bar, fit.bar))
	}
	add(runewidth.FillLeft(c.count, fit.count))
	if fit.note > 0 {
		note := strings.Join(c.note[:min(fit.parts, len(c.note))], ", ")
		add(runewidth.FillRight(note, fit.note))
	}
	if fit.elapsed > 0 {
		add(runewidth.FillLeft(c.elapsed, fit.elapsed))
	}
	if fit.left > 0 {
		add(runewidth.FillLeft(c.left, fit.left))
	}
	return runewidth.Truncate(strings.TrimRight(line, " "), width, "…")
}

// cells puts the job's state into words.
func (j *Job) cells(now time.Time) cells {
	switch {
	case j.waiting:
		now = j.started
	case j.finished:
		now = j.ended
	}
	c := cells{title: j.title, count: j.count(j.last.done), elapsed: clock(now.Sub(j.started)), spins: j.total == 0}
	switch {
	case j.waiting:
		c.note = []string{"waiting"}
	case j.note != "":
		c.note = strings.Split(plain.Text(j.note), ", ")
	}
	if left, ok := j.left(now); ok && !j.finished {
		c.left = clock(left) + " left"
	}
	// Numbers of fewer digits leave room for those to come.
	c.count = runewidth.FillLeft(c.count, len(j.count(j.total)))
	return c
}

// left estimates how long the job still takes, from what was done since the
// first Set: a job that is continued, or that waited for its turn, did not do
// the rest in the time before.
func (j *Job) left(now time.Time) (time.Duration, bool) {
	done := j.last.done - j.first.done
	if j.total == 0 || done <= 0 || j.last.done >= j.total {
		return 0, false
	}
	rate := float64(j.last.at.Sub(j.first.at)) / float64(done)
	left := rate*float64(j.total-j.last.done) - float64(now.Sub(j.last.at))
	return time.Duration(max(left, 0)), left < float64(farthest)
}

// clock prints 0:07, 12:34 or 1:23:45.
func clock(d time.Duration) string {
	s := int64(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// grow makes room for a line.
func (c *columns) grow(l cells) {
	widen := func(column *int, text string) { *column = max(*column, runewidth.StringWidth(text)) }
	widen(&c.title, l.title)
	widen(&c.count, l.count)
	widen(&c.elapsed, l.elapsed)
	widen(&c.left, l.left)
	if l.spins {
		c.spins = true
	} else {
		widen(&c.left, "0:00 left") // comes as soon as there is something to go by
	}
	for i := range l.note {
		if i == len(c.notes) {
			c.notes = append(c.notes, 0)
		}
		widen(&c.notes[i], strings.Join(l.note[:i+1], ", "))
	}
	for i := 1; i < len(c.notes); i++ { // a note of few parts may be wider than one of many
		c.notes[i] = max(c.notes[i], c.notes[i-1])
	}
}

// fit shares out width: what is done comes first, then the times, what a note
// begins with, a bar, and the rest of the note.
func (c *columns) fit(width int) layout {
	room := max(width-gap-c.count, 0)
	l := layout{title: min(c.title, room), count: c.count}
	room -= l.title
	take := func(n int) int {
		if n == 0 || gap+n > room {
			return 0
		}
		room -= gap + n
		return n
	}
	if c.spins {
		l.bar = take(1)
	}
	l.left = take(c.left)
	l.elapsed = take(c.elapsed)
	if len(c.notes) > 0 {
		l.note = take(c.notes[0])
	}
	if l.bar == 0 {
		l.bar = take(leastBar)
	} else if room >= leastBar-l.bar {
		room -= leastBar - l.bar
		l.bar = leastBar
	}
	for l.parts = 1; l.note > 0 && l.parts < len(c.notes) && c.notes[l.parts]-l.note <= room; l.parts++ {
		room -= c.notes[l.parts] - l.note
		l.note = c.notes[l.parts]
	}
	if l.bar == leastBar {
		l.bar += min(room, mostBar-leastBar)
	}
	return l
}

// end returns the line of a finished job, "" where it leaves none.
func (j *Job) end() string {
	if j.summary == "" {
		return ""
	}
	return plain.Text(fmt.Sprintf("%s: %s (%.1f s)", j.title, j.summary, j.ended.Sub(j.started).Seconds()))
}

func (j *Job) count(done int64) string {
	unit := [...]string{Files: "files", Bytes: "MB", Epochs: "epochs", Runs: "runs"}[j.unit]
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
