// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScreenFindsItsPlaceAgain(t *testing.T) {
	out := newEmulator(t, 60)
	s := newScreen(out)
	s.size = func() (int, int) { return out.width, 24 }
	draw := func(lines ...string) { s.draw("", lines) }
	_, err := io.WriteString(out, "earlier\n")
	require.NoError(t, err)
	draw(strings.Repeat("a", 59), strings.Repeat("b", 41), "c")
	out.resize(20) // 3, 3 and 1 rows
	assert.Len(t, out.text(), 8)
	draw("a2", "b2", "c2")
	assert.Equal(t, []string{"earlier", "a2", "b2", "c2"}, out.text())

	_, err = io.WriteString(out, "^C") // a terminal echoes it
	require.NoError(t, err)
	out.resize(70)
	s.draw(strings.Repeat("said", 20)+"\n", []string{"a3", "b", "c3"})
	assert.Equal(t, []string{"earlier", strings.Repeat("said", 20)[:70], strings.Repeat("said", 20)[70:], "a3", "b", "c3"}, out.text())
	assert.Equal(t, 1, out.wraps, "of what was said")

	draw("c4")
	assert.Len(t, out.text(), 4)
	draw()
	assert.Len(t, out.text(), 3)
	writes := out.writes
	draw()
	assert.Equal(t, writes, out.writes, "nothing to draw")
}
