// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"math"

	"github.com/etude-ml/etude/models/music/midi"
)

// player plays a score. Its timing and loudness follow from the notes, as a pianist's
// habits would: the rules resemble those of KTH (Friberg, Bresin, Sundberg 2006), with
// a little randomness added.
type player struct {
	*performance
	times  []float64 // seconds of each beat, and of the end
	rates  []float64 // notes a second in each bar
	notes  []midi.Note
	pedals []midi.Control
}

func (p *performance) write(dir string) error {
	notes, pedals := p.play()
	// Recorded at a tempo that has nothing to do with the music, as performances are.
	return writeMIDI(dir, performanceDir, p.name, notes, midi.WriteOptions{BPM: 120, TicksPerQuarter: ticksPerSecond / 2, Controls: pedals})
}

const ticksPerSecond = 1920

func (p *performance) play() ([]midi.Note, []midi.Control) {
	score := p.score()
	pl := &player{performance: p, times: p.beats()}
	pl.rates = make([]float64, len(p.phrases)*barsPerPhrase)
	for _, n := range score {
		pl.rates[int(n.start)/beatsPerBar]++
	}
	for bar := range pl.rates {
		pl.rates[bar] /= pl.times[(bar+1)*beatsPerBar] - pl.times[bar*beatsPerBar]
	}
	for len(score) > 0 {
		n := 1
		for n < len(score) && score[n].start == score[0].start {
			n++
		}
		pl.strike(score[:n])
		score = score[n:]
	}
	pl.pedal()
	return pl.notes, pl.pedals
}

// beats returns the time of each beat in seconds. Livelier phrases are faster; in
// its last bar a phrase slows down, a calm one most.
func (p *performance) beats() []float64 {
	times := []float64{0}
	for i, mood := range p.phrases {
		for beat := range barsPerPhrase * beatsPerBar {
			length := 60 / (60 + 80*mood.Arousal) * (1 + 0.015*p.rng.NormFloat64())
			if late := beat - (barsPerPhrase-1)*beatsPerBar; late >= 0 {
				slowing := 0.3 * (1 - 0.8*mood.Arousal)
				if i == len(p.phrases)-1 {
					slowing *= 1.5
				}
				length *= 1 + slowing*float64(1+late)/beatsPerBar
			}
			times = append(times, times[len(times)-1]+length)
		}
	}
	return times
}

// seconds returns the time of a place between beats.
func (pl *player) seconds(beat float64) float64 {
	whole := min(int(beat), len(pl.times)-2)
	return pl.times[whole] + (beat-float64(whole))*(pl.times[whole+1]-pl.times[whole])
}

// strike plays the notes of one onset, given from low to high.
func (pl *player) strike(notes []scored) {
	beat := notes[0].start
	now, density := pl.seconds(beat), min(pl.rates[int(beat)/beatsPerBar]/16, 1)

	// Louder where more happens, towards the middle of a phrase and of the piece,
	// and on the first beat of a bar.
	const phrase = barsPerPhrase * beatsPerBar
	loud := 0.25 + 0.38*density +
		0.05*math.Sin(math.Pi*math.Mod(beat, phrase)/phrase) +
		0.12*math.Sin(math.Pi*beat/float64(len(pl.times)-1))
	if int(beat)%beatsPerBar == 0 && beat == math.Floor(beat) {
		loud += 0.03
	}
	// A chord is spread where there is time for it.
	spread := 0.004 + 0.022*(1-density)*(1+0.1*pl.rng.NormFloat64())
	for i, n := range notes {
		on := now + 0.001*pl.rng.NormFloat64()
		velocity := loud + 0.004*float64(n.pitch-60) + 0.015*pl.rng.NormFloat64()
		if len(notes) > 1 {
			on = now + clamp(spread, 0, 0.028)*float64(i)/float64(len(notes)-1)
		}
		if i == len(notes)-1 && !n.left { // the melody sings, over little most of all
			velocity += 0.04 + 0.1*(1-density)
		}
		// Long notes are bound, quick ones short.
		length := pl.seconds(n.start+n.length) - now
		length *= clamp(0.3+0.75*(length-0.1)/0.5, 0.3, 1) * (1 - 0.03*pl.rng.Float64())
		pl.notes = append(pl.notes, midi.Note{
			Pitch: uint8(n.pitch), Velocity: uint8(math.Round(clamp(127*velocity, 8, 127))), Channel: channel(n.left),
			OnTick: tick(on), OffTick: max(tick(on+length), tick(on)+1),
		})
	}
}

// pedal holds calm harmonies: down after the chord, up with the next one at the
// latest. Lively ones get less of it, and the liveliest none.
func (pl *player) pedal() {
	for i, mood := range pl.phrases {
		share, period := clamp((0.8-mood.Arousal)/0.4, 0, 1), float64(beatsPerBar)
		if share < 0.1 {
			continue
		}
		if level(mood.Arousal) == 0 {
			period /= 2
		}
		for k := range int(barsPerPhrase * beatsPerBar / period) {
			beat := float64(i*barsPerPhrase*beatsPerBar) + period*float64(k)
			down := pl.seconds(beat) + 0.08 + 0.01*pl.rng.Float64()
			up := down + share*(pl.seconds(beat+period)-down)
			for _, left := range []bool{false, true} {
				pl.pedals = append(pl.pedals,
					midi.Control{Tick: tick(down), Channel: channel(left), Controller: sustain, Value: 127},
					midi.Control{Tick: tick(up), Channel: channel(left), Controller: sustain, Value: 0})
			}
		}
	}
}

const sustain = 64 // the pedal's controller

// channel returns a channel of its own for each hand, so that a key can pass from one to the other.
func channel(left bool) uint8 {
	if left {
		return 1
	}
	return 0
}

func tick(seconds float64) int64 { return max(int64(math.Round(seconds*ticksPerSecond)), 0) }
