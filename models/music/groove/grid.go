// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package groove

import (
	"math"
	"sort"

	"github.com/etude-ml/etude/models/music/midi"
)

// Steps is the number of equal parts of a bar, whatever its time signature.
const Steps = 16

// Positions are integers, so that no rounding decides to which step a note between
// two belongs: ticks, or 2^-28 of a quarter in a file of SMPTE time, where a quarter
// is no whole number of ticks. Half a step of any time signature is a multiple of
// 2^-10 of a quarter.
const smpteUnits = 1 << 28

// maxPosition is greater than any position in a file in ticks (2^49: two million
// events of 2^28 ticks), and than MaxBars of the longest bars, 1,020 quarters, in
// SMPTE units. Multiplied by a denominator of 128 it still fits in 64 bits.
const maxPosition = 1 << 54

// grid finds the bar, and the place in it, of a tick.
type grid struct {
	song      *midi.Song
	quarters  []float64 // in SMPTE time: from the start to each change of tempo
	stretches []stretch
}

// stretch is a run of bars of one time signature. Its lengths are positions times
// the signature's denominator, which makes the length of a bar whole.
type stretch struct {
	start       int64 // position
	bars        int64 // before it
	denominator int64
	length      int64 // of a bar
	whole       int64 // bars before the cut one
	cut         int64 // length of a last bar that is cut short, 0 if there is none
}

func newGrid(song *midi.Song) *grid {
	g := &grid{song: song, stretches: make([]stretch, 0, len(song.TimeSignatures)+1)}
	unit := int64(song.TicksPerQuarter)
	if unit <= 0 {
		unit = smpteUnits
		g.quarters = make([]float64, len(song.Tempo))
		for i := 1; i < len(song.Tempo); i++ {
			g.quarters[i] = g.quartersAfter(i-1, song.Tempo[i].Time)
		}
	}
	if s := song.TimeSignatures; len(s) == 0 || s[0].Tick > 0 {
		g.begin(unit, midi.TimeSignature{Numerator: 4, Denominator: 4})
	}
	for _, s := range song.TimeSignatures {
		g.begin(unit, s)
	}
	g.stretches[len(g.stretches)-1].whole = math.MaxInt64
	return g
}

// begin ends the current stretch at a signature and starts a new one, unless the
// bars keep their length: programs repeat a signature anywhere. The patterns of a
// format 2 file are separate pieces, and each starts a bar. A signature that no file
// can hold counts as 4/4.
func (g *grid) begin(unit int64, s midi.TimeSignature) {
	if s.Numerator < 1 || s.Numerator > 255 || s.Denominator < 1 || s.Denominator > 128 {
		s.Numerator, s.Denominator = 4, 4
	}
	next := stretch{
		start: g.position(s.Tick), denominator: int64(s.Denominator),
		length: 4 * unit * int64(s.Numerator), // 4·unit/denominator, times that denominator
	}
	if n := len(g.stretches); n > 0 {
		before := &g.stretches[n-1]
		if before.length*next.denominator == next.length*before.denominator && g.song.Format != 2 {
			return
		}
		total := (next.start - before.start) * before.denominator
		before.whole, before.cut = total/before.length, total%before.length
		next.bars = before.bars + before.whole
		if before.cut > 0 {
			next.bars++
		}
	}
	g.stretches = append(g.stretches, next)
}

// place returns the bar, from 0, and the step of a note, and by how many half-steps,
// from -1 to 1, it is late.
func (g *grid) place(tick int64) (bar int64, step int, offset float64) {
	at := g.position(tick)
	after := sort.Search(len(g.stretches), func(i int) bool { return g.stretches[i].start > at })
	s := g.stretches[after-1]
	within := (at - s.start) * s.denominator
	bar, within = within/s.length, within%s.length
	length := s.length
	if bar == s.whole {
		length = s.cut
	}
	bar += s.bars
	// ⌊within·16/length + 1/2⌋ and twice what is left of it.
	steps := (2*Steps*within + length) / (2 * length)
	offset = float64(2*Steps*within-2*length*steps) / float64(length)
	if steps == Steps {
		return bar + 1, 0, offset
	}
	return bar, int(steps), offset
}

// position returns the place of a tick in the units of the grid.
func (g *grid) position(tick int64) int64 {
	if g.song.TicksPerQuarter > 0 {
		return min(max(tick, 0), maxPosition)
	}
	i := sort.Search(len(g.song.Tempo), func(i int) bool { return g.song.Tempo[i].Tick > tick }) - 1
	if i < 0 {
		return 0 // reading puts a tempo at tick 0
	}
	at := math.Round(g.quartersAfter(i, g.song.Seconds(tick)) * smpteUnits)
	if !(at < maxPosition) {
		return maxPosition
	}
	return max(int64(at), 0)
}

// quartersAfter returns the quarters from the start of the song to a time, in
// seconds, under the i-th tempo.
func (g *grid) quartersAfter(i int, time float64) float64 {
	t := g.song.Tempo[i]
	return g.quarters[i] + (time-t.Time)*1e6/float64(t.MicrosPerQuarter)
}
