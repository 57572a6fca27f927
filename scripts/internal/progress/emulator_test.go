// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

// emulator is as much of a terminal as the live lines may use: anything else
// that is sent to it, such as hiding the cursor, fails the test.
type emulator struct {
	t      *testing.T
	mu     sync.Mutex
	width  int
	rows   [][]rune
	x, y   int
	writes int
	wraps  int // how often a row was too short for a line
	rest   []byte
}

func newEmulator(t *testing.T, width int) *emulator {
	return &emulator{t: t, width: width, rows: make([][]rune, 1)}
}

func (e *emulator) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writes++
	e.rest = append(e.rest, p...)
	for len(e.rest) > 0 {
		if e.rest[0] == '\x1b' {
			end := slices.IndexFunc(e.rest, func(b byte) bool { return b >= 'A' && b <= 'Z' })
			if end < 0 {
				return len(p), nil
			}
			e.command(string(e.rest[1 : end+1]))
			e.rest = e.rest[end+1:]
			continue
		}
		if !utf8.FullRune(e.rest) {
			return len(p), nil
		}
		r, n := utf8.DecodeRune(e.rest)
		e.rest = e.rest[n:]
		e.put(r)
	}
	return len(p), nil
}

func (e *emulator) command(c string) {
	switch {
	case c == "[J":
		e.rows = e.rows[:e.y+1]
		fallthrough
	case c == "[K":
		e.rows[e.y] = e.rows[e.y][:min(e.x, len(e.rows[e.y]))]
	case strings.HasPrefix(c, "[") && strings.HasSuffix(c, "A"):
		up := 0
		for _, digit := range c[1 : len(c)-1] {
			up = 10*up + int(digit-'0')
		}
		if !assert.LessOrEqual(e.t, up, e.y, "up beyond the first row") {
			up = e.y
		}
		e.y -= up
	default:
		assert.Fail(e.t, "an unexpected command to the terminal", "%q", c)
	}
}

func (e *emulator) put(r rune) {
	switch {
	case r == '\r':
		e.x = 0
	case r == '\n':
		e.down()
	case r < ' ' || r >= 0x7f && r < 0xa0:
		assert.Fail(e.t, "a control character", "%q", r)
	default:
		if e.x == e.width {
			e.wraps++
			e.down()
		}
		row := e.rows[e.y]
		for len(row) <= e.x {
			row = append(row, ' ')
		}
		row[e.x] = r
		e.rows[e.y] = row
		e.x++
	}
}

func (e *emulator) down() {
	e.x, e.y = 0, e.y+1
	if e.y == len(e.rows) {
		e.rows = append(e.rows, nil)
	}
}

// resize wraps what is there, as most terminals do.
func (e *emulator) resize(width int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var rows [][]rune
	for _, row := range e.rows {
		for len(row) > width {
			rows, row = append(rows, row[:width:width]), row[width:]
		}
		rows = append(rows, row)
	}
	e.width, e.rows, e.y = width, rows, len(rows)-1
}

// text returns the lines on the screen. The cursor must rest at the beginning of
// the row below it, where the prompt would come if the process died.
func (e *emulator) text() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	assert.Equal(e.t, [2]int{0, len(e.rows) - 1}, [2]int{e.x, e.y}, "the cursor")
	assert.Empty(e.t, e.rows[e.y], "the cursor's row")
	var lines []string
	for _, row := range e.rows[:len(e.rows)-1] {
		lines = append(lines, string(row))
	}
	return lines
}
