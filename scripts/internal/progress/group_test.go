// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"errors"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// noneLeft checks that no goroutine goes on drawing.
func noneLeft(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	assert.Eventually(t, func() bool {
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "(*Group).refresh")
	}, 5*time.Second, 10*time.Millisecond, "a goroutine is left over")
}

// shows waits until the screen is as wanted; a slow machine may draw late.
func shows(t *testing.T, e *emulator, want func(lines []string) bool) []string {
	t.Helper()
	var lines []string
	require.Eventually(t, func() bool {
		lines = e.text()
		return want(lines)
	}, 5*time.Second, refresh/4, "the screen never was as wanted")
	return lines
}

func TestLinesStandStill(t *testing.T) {
	defer noneLeft(t)
	out := newEmulator(t, 80)
	g := NewGroup(out, true)
	var jobs []*Job
	for _, name := range []string{"emotion", "melody", "groove"} {
		jobs = append(jobs, g.Start(name, Epochs, 4))
	}
	jobs[0].Set(1, "loss 0.5, validation 0.6")
	jobs[1].Set(2, "loss 0.7")
	live := regexp.MustCompile(`^emotion  \|█+ +\|  1 of 4 epochs  loss 0\.5, validation 0\.6  0:0\d
melody   \|█+ +\|  2 of 4 epochs  loss 0\.7                  0:0\d
groove   \| +\|  0 of 4 epochs                            0:0\d$`)
	before := shows(t, out, func(lines []string) bool { return live.MatchString(strings.Join(lines, "\n")) })

	jobs[1].Finish("4 epochs")
	jobs[2].Finish("") // leaves no line, but not before the end
	g.Say("said")
	after := shows(t, out, func(lines []string) bool { return len(lines) == 4 && strings.Contains(lines[2], "(") })
	assert.Equal(t, "said", after[0])
	assert.Equal(t, before[0][:30], after[1][:30])
	assert.Equal(t, "melody: 4 epochs (T)", untimed(after[2]))
	assert.Contains(t, after[3], "groove   |")

	jobs[0].Finish("1 epoch")
	assert.Equal(t, "said\nemotion: 1 epoch (T)\nmelody: 4 epochs (T)", untimed(strings.Join(out.text(), "\n")))
}

func TestAGroupBeginsAgain(t *testing.T) {
	defer noneLeft(t)
	out := newEmulator(t, 80)
	g := NewGroup(out, true)
	g.Start("reading", Files, 2).Finish("2 files")
	g.Say("between")
	j := g.Start("training", Epochs, 0)
	shows(t, out, func(lines []string) bool { return len(lines) == 3 && strings.HasPrefix(lines[2], "training") })
	j.Finish("3 epochs")
	g.Start("x", Files, 1).Finish("")
	assert.Equal(t, "reading: 2 files (T)\nbetween\ntraining: 3 epochs (T)", untimed(strings.Join(out.text(), "\n")))
}

func TestUnknownTotalSpins(t *testing.T) {
	out := newEmulator(t, 80)
	j := NewGroup(out, true).Start("x", Files, 0)
	seen := map[string]bool{}
	shows(t, out, func(lines []string) bool {
		if len(lines) == 1 {
			seen[strings.Fields(lines[0])[1]] = true
		}
		return len(seen) == 4
	})
	j.Finish("")
	assert.Equal(t, map[string]bool{"|": true, "/": true, "-": true, `\`: true}, seen)
	assert.Empty(t, out.text())
}

func TestSetDrawsSeldom(t *testing.T) {
	out := newEmulator(t, 80)
	j := NewGroup(out, true).Start("x", Files, 10_000)
	began := time.Now()
	for time.Since(began) < 5*refresh {
		j.Set(1, "a note")
	}
	j.Finish("")
	// One a refresh, and those of the end: the last drawing, its removal, and
	// one for a tick in between.
	assert.LessOrEqual(t, out.writes, int(time.Since(began)/refresh)+3)
	assert.Greater(t, out.writes, 1)
}

// broken is a terminal that went away.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("input/output error") }

func TestATerminalThatWentAway(t *testing.T) {
	defer noneLeft(t)
	g := NewGroup(broken{}, true)
	a := g.Start("a", Files, 2)
	time.Sleep(3 * refresh)
	b := g.Start("b", Files, 2)
	g.Say("nobody reads this")
	a.Set(1, "")
	a.Finish("a")
	b.Set(1, "")
	b.Finish("b")
}

// The clock of a job stands still until it begins.
func TestQueuedJobsWait(t *testing.T) {
	defer noneLeft(t)
	out := newEmulator(t, 80)
	g := NewGroup(out, true)
	first, second := g.Start("emotion", Epochs, 4), g.Queue("melody", Epochs, 4)
	lines := shows(t, out, func(lines []string) bool {
		return len(lines) == 2 && strings.Contains(lines[0], "0:02") // as time goes by
	})
	assert.Regexp(t, `^melody +\| +\|  0 of 4 epochs  waiting +0:00$`, lines[1])
	second.Begin()
	lines = shows(t, out, func(lines []string) bool {
		return len(lines) == 2 && strings.Contains(lines[1], "0:01")
	})
	assert.NotContains(t, lines[1], "waiting")
	third := g.Queue("groove", Epochs, 4)
	for _, j := range []*Job{first, second, third} {
		j.Finish("")
	}

	var log strings.Builder
	g = NewGroup(&log, false)
	j := g.Queue("harmony", Epochs, 4)
	assert.Empty(t, log.String(), "a log tells of what happens")
	j.Begin()
	j.Begin()
	j.Finish("done")
	assert.Regexp(t, `^harmony …\nharmony: done \(.* s\)\n$`, log.String())
}
