// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// The size of a terminal that does not tell its own.
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
// hidden, so that a process may die at any time. It is an mpb.ConsoleWriter;
// unlike the library's own, it finds the place again after the terminal became
// narrower or echoed a key.
type screen struct {
	bytes.Buffer // what is said above the lines
	w            io.Writer
	size         func() (width, height int)
	drawn        []int    // the widths of the lines on the terminal
	next         []string // the lines to come
	widths       []int    // theirs
}

func newScreen(w io.Writer) *screen {
	return &screen{w: w, size: func() (int, int) { return size(w) }}
}

// size is that of a terminal, or the usual one.
func size(w io.Writer) (width, height int) {
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		width, height, _ = term.GetSize(int(f.Fd()))
	}
	if width <= 0 || height <= 0 {
		return usualWidth, usualHeight
	}
	return width, height
}

// IsTerminal is true: whoever makes a screen knows that w is one.
func (s *screen) IsTerminal() bool { return true }

// GetTermSize tells how much of the terminal the lines may fill: all but the
// last column, in which some terminals wrap, and the last row, where the cursor
// rests. It is asked before each drawing.
func (s *screen) GetTermSize() (width, height int, err error) {
	width, height = s.size()
	return max(width-1, 1), max(height-1, 1), nil
}

// ReadFrom takes one of the lines to come.
func (s *screen) ReadFrom(r io.Reader) (int64, error) {
	line, err := io.ReadAll(r)
	if len(line) > 0 { // the library empties those for which the terminal is too low
		s.next = append(s.next, string(line))
		s.widths = append(s.widths, runewidth.StringWidth(strings.TrimSuffix(string(line), "\n")))
	}
	return int64(len(line)), err
}

// Flush draws. Each line is cleared only as it is written: nothing flickers, and
// a low terminal is never cleared from its corner, which some take for the wish
// to keep what was there in their history.
func (s *screen) Flush(int) error {
	var out bytes.Buffer
	if len(s.drawn) > 0 {
		// A line that no longer fits has been wrapped by the terminal.
		width, _ := s.size()
		rows := 0
		for _, w := range s.drawn {
			rows += max(1, (w+width-1)/width)
		}
		fmt.Fprintf(&out, "\r\x1b[%dA", rows)
	}
	if s.Len() > 0 { // may be wrapped, and nobody knows where
		out.WriteString(clearBelow)
		_, _ = s.WriteTo(&out) // a buffer does not fail
	}
	for _, line := range s.next {
		out.WriteString(clearLine + line)
	}
	if len(s.drawn) > 0 {
		out.WriteString(clearBelow)
	}
	s.drawn, s.widths, s.next = s.widths, s.drawn[:0], s.next[:0]
	if out.Len() == 0 {
		return nil
	}
	_, err := s.w.Write(out.Bytes())
	return err
}
