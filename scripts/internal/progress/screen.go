// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// The size that is assumed of a terminal that does not report its own.
const (
	usualWidth  = 80
	usualHeight = 24
)

// From the cursor to the end of the line, or of the screen.
const (
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

// screen puts each drawing of the live lines in the place of the one before. In
// between, the cursor rests at the beginning of the line below and is never
// hidden, so that a process may die at any time. It finds the place again after the
// terminal was resized or echoed a key press.
type screen struct {
	w     io.Writer
	size  func() (width, height int)
	drawn []int // the widths of the lines on the terminal
}

func newScreen(w io.Writer) *screen {
	return &screen{w: w, size: func() (int, int) { return size(w) }}
}

// size returns the size of a terminal, or the usual one.
func size(w io.Writer) (width, height int) {
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		width, height, _ = term.GetSize(int(f.Fd()))
	}
	if width <= 0 || height <= 0 {
		return usualWidth, usualHeight
	}
	return width, height
}

// room returns how much of the terminal the lines may fill: all but the last column, in
// which some terminals wrap, and the last row, where the cursor rests.
func (s *screen) room() (width, height int) {
	width, height = s.size()
	return max(width-1, 1), max(height-1, 1)
}

// draw writes whole lines that stay, and the live lines below them. Each line is
// cleared only as it is written: nothing flickers, and a low terminal is never cleared
// from its corner, which some take for the wish to keep what was there in their history.
func (s *screen) draw(said string, lines []string) {
	var out strings.Builder
	if len(s.drawn) > 0 {
		// A line that no longer fits has been wrapped by the terminal.
		width, _ := s.size()
		rows := 0
		for _, w := range s.drawn {
			rows += max(1, (w+width-1)/width)
		}
		fmt.Fprintf(&out, "\r\x1b[%dA", rows)
	}
	if said != "" { // it may wrap at an unknown place
		out.WriteString(clearBelow + said)
	}
	for _, line := range lines {
		out.WriteString(clearLine + line + "\n")
	}
	if len(s.drawn) > 0 {
		out.WriteString(clearBelow)
	}
	s.drawn = s.drawn[:0]
	for _, line := range lines {
		s.drawn = append(s.drawn, runewidth.StringWidth(line))
	}
	if out.Len() > 0 {
		_, _ = io.WriteString(s.w, out.String()) // what cannot be shown must not end the work
	}
}
