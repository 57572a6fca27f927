// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
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
