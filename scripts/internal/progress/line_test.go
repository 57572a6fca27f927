// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/assert"
)

func unshown(title string, unit Unit, total int64) *Job {
	return &Job{group: NewGroup(nil, true), title: title, unit: unit, total: total, started: time.Now()}
}

func TestWhatALineGivesUp(t *testing.T) {
	j := unshown("dynamics: training", Epochs, 50)
	j.Set(10, "")
	j.Set(12, "loss 0.01234, validation 0.02345")
	// 38 more at 2 s each, half a second ago: in the middle between two whole seconds.
	j.started = j.last.at.Add(-9500 * time.Millisecond)
	j.first.at = j.last.at.Add(-4500 * time.Millisecond)
	j.last.at = j.last.at.Add(-500 * time.Millisecond)
	for width, want := range map[int]string{
		110: "dynamics: training  |█████               |  12 of 50 epochs  loss 0.01234, validation 0.02345  0:09  1:15 left",
		100: "dynamics: training  |██        |  12 of 50 epochs  loss 0.01234, validation 0.02345  0:09  1:15 left",
		80:  "dynamics: training  |██        |  12 of 50 epochs  loss 0.01234  0:09  1:15 left",
		66:  "dynamics: training  12 of 50 epochs  loss 0.01234  0:09  1:15 left",
		50:  "dynamics: training  12 of 50 epochs  1:15 left",
		40:  "dynamics: training  12 of 50 epochs",
		30:  "dynamics: tr…  12 of 50 epochs",
		10:  "…  12 of …",
	} {
		got := j.line(width)
		assert.LessOrEqual(t, runewidth.StringWidth(got), width)
		assert.Equal(t, want, got)
	}
}

func TestNoLineIsTooLong(t *testing.T) {
	for _, title := range []string{"", "x", "download libtorch-shared-with-deps-2.9.1.zip", "音楽の訓練", "e\u0301tude"} {
		for _, total := range []int64{0, 7, 123_456_789_012} {
			j := unshown(title, Bytes, total)
			for width := 1; width < 130; width++ {
				j.Set(int64(width)*1e9, "loss 0.01234, 感情, "+title)
				line := j.line(width)
				assert.LessOrEqual(t, runewidth.StringWidth(line), width, line)
			}
			j.finish("a summary of which the end matters less: " + title)
			for width := 1; width < 130; width++ {
				assert.LessOrEqual(t, runewidth.StringWidth(j.line(width)), width)
			}
		}
	}
}

func TestEstimate(t *testing.T) {
	began := time.Now()
	at := func(seconds int, done int64) mark { return mark{done, began.Add(time.Duration(seconds) * time.Second)} }
	for _, c := range []struct {
		name        string
		total       int64
		first, last mark
		now         int
		left        time.Duration
		known       bool
	}{
		{"of a run that goes on at epoch 30", 50, at(10, 31), at(30, 32), 35, 355 * time.Second, true},
		{"later than expected", 3, at(10, 1), at(20, 2), 35, 0, true},
		{"from one call", 50, at(10, 31), at(10, 31), 35, 0, false},
		{"of the unknown", 0, at(10, 1), at(20, 2), 35, 0, false},
		{"at the end", 2, at(10, 1), at(20, 2), 35, 0, false},
		{"backwards", 50, at(10, 3), at(20, 2), 35, 0, false},
		{"beyond all measure", 1 << 62, at(10, 1), at(20, 2), 35, 0, false},
	} {
		j := &Job{total: c.total, first: c.first, last: c.last}
		left, known := j.left(at(c.now, 0).at)
		assert.Equal(t, c.known, known, c.name)
		if known {
			assert.Equal(t, c.left, left, c.name)
		}
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0:00", 7900 * time.Millisecond: "0:07", 754 * time.Second: "12:34", 5025 * time.Second: "1:23:45", 360_000 * time.Second: "100:00:00",
	} {
		assert.Equal(t, want, clock(d))
	}
}
