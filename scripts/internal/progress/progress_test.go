// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// seconds matches the times, which differ between runs of a test.
var seconds = regexp.MustCompile(`\(\d+\.\d s\)`)

func untimed(text string) string { return seconds.ReplaceAllString(text, "(T)") }

func TestLogIsSparseAndPlain(t *testing.T) {
	var out bytes.Buffer
	j := NewGroup(&out, false).Start("emotion: reading", Files, 200)
	for i := range int64(200) {
		j.Set(i+1, "")
	}
	j.Finish("200 files")
	j.Set(1, "too late")
	j.Finish("too late")
	assert.Equal(t, `emotion: reading …
emotion: reading: 50 of 200 files
emotion: reading: 100 of 200 files
emotion: reading: 150 of 200 files
emotion: reading: 200 of 200 files
emotion: reading: 200 files (T)
`, untimed(out.String()))
}

func TestLogOfAGroup(t *testing.T) {
	var out bytes.Buffer
	g := NewGroup(&out, false)
	g.Say("two networks")
	a := g.Start("emotion: training", Epochs, 4)
	b := g.Start("melody: training", Epochs, 0)
	a.Set(1, "loss 0.5")
	b.Set(1, "loss 0.7") // no quarters without a total
	g.Say("melody: saved %d times\n  by request", 2)
	a.Finish("")
	b.Finish("1 epoch")
	assert.Equal(t, `two networks
emotion: training …
melody: training …
emotion: training: 1 of 4 epochs, loss 0.5
melody: saved 2 times
  by request
melody: training: 1 epoch (T)
`, untimed(out.String()))
}

func TestLogSaysMoreAfterAPause(t *testing.T) {
	var out bytes.Buffer
	j := NewGroup(&out, false).Start("x", Files, 0)
	j.Set(1, "")
	j.lastLine = j.lastLine.Add(-pause)
	j.Set(2, "")
	j.Set(3, "")
	j.Finish("")
	assert.Equal(t, "x …\nx: 2 files\n", out.String())
}

func TestNotesAndBytes(t *testing.T) {
	var out bytes.Buffer
	j := NewGroup(&out, false).Start("download", Bytes, 550e6)
	j.Set(275e6, "torch")
	assert.Equal(t, "download …\ndownload: 275 of 550 MB, torch\n", out.String())
}

func TestNoControlCharacters(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		out := newEmulator(t, 80) // fails at those that get through
		g := NewGroup(out, terminal)
		j := g.Start("a\x1b[2Jb\nc", Files, 1)
		j.Set(1, "d\r\ne\u009bm")
		g.Say("f\ag\th")
		time.Sleep(2 * refresh)
		j.Finish("i\nj")
		want := `f\ag\th
a\x1b[2Jb\nc: i\nj (T)`
		if !terminal {
			want = `a\x1b[2Jb\nc …
a\x1b[2Jb\nc: 1 of 1 files, d\r\ne\u009bm
` + want
		}
		assert.Equal(t, want, untimed(strings.Join(out.text(), "\n")), "terminal %v", terminal)
	}
}

func TestManyGoroutines(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		out := newEmulator(t, 80)
		g := NewGroup(out, terminal)
		var wg sync.WaitGroup
		for _, name := range []string{"a", "b", "c"} {
			j := g.Start(name, Files, 100)
			for i := range int64(100) {
				wg.Go(func() { j.Set(i+1, "a note") })
			}
			wg.Go(func() { g.Say("said") })
			wg.Go(func() { time.Sleep(refresh); j.Finish("done") })
		}
		wg.Wait()
		ends := 0
		for _, line := range out.text() {
			assert.Regexp(t, `^([abc] …|[abc]: \d+ of 100 files, a note|[abc]: done \(\d\.\d s\)|said)$`, line)
			if strings.Contains(line, ": done (") {
				ends++
			}
		}
		assert.Equal(t, 3, ends)
		assert.LessOrEqual(t, len(out.text()), 3*(1+quarters+1+1))
	}
}

// 0.1 µs a call on a server of 2026.
func BenchmarkSet(b *testing.B) {
	j := NewGroup(new(bytes.Buffer), true).Start("x", Epochs, int64(b.N))
	for i := range int64(b.N) {
		j.Set(i, "a note")
	}
	j.Finish("")
}
