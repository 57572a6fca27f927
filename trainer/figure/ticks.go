// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package figure

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// Ticks puts about Most labels on multiples of 1, 2 or 5 times a power of ten that is
// at least Least.
type Ticks struct{ Most, Least float64 }

// Ticks returns the ticks from lo to hi; none where lo and hi are the same number but
// for rounding, or not finite.
func (t Ticks) Ticks(lo, hi float64) []plot.Tick {
	step := max(niceStep((hi-lo)/t.Most), t.Least)
	if !(hi-lo < 1e4*step) {
		return nil
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	largest := max(math.Abs(lo), math.Abs(hi))
	digits := max(3, int(math.Ceil(math.Log10(largest/step)))+1) // so that labels differ
	var list []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+step*1e-9; i++ {
		x := i * step
		label := strconv.FormatFloat(x, 'f', decimals, 64)
		if decimals > 5 || largest >= 1e6 {
			label = strconv.FormatFloat(x, 'g', digits, 64)
		}
		if i == 0 {
			label = "0"
		}
		list = append(list, plot.Tick{Value: x, Label: label})
	}
	return list
}

// niceStep returns the least 1, 2 or 5 times a power of ten that is not less than x > 0.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, digit := range []float64{1, 2, 5} {
		if digit*power >= x*(1-1e-9) {
			return digit * power
		}
	}
	return 10 * power
}

// WholeTicks puts at most about ten ticks on whole numbers from 1 on.
type WholeTicks struct{}

// Ticks returns the ticks from lo to hi.
func (WholeTicks) Ticks(lo, hi float64) []plot.Tick {
	step := max(1, niceStep(hi/10))
	var ticks []plot.Tick
	for x := step; x <= hi; x += step {
		if x >= lo {
			ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'f', -1, 64)})
		}
	}
	if step > 1 && lo <= 1 {
		ticks = append([]plot.Tick{{Value: 1, Label: "1"}}, ticks...)
	}
	return ticks
}

// LogTicks labels 1, 2 and 5 of every decade, or the decades alone if there are many.
type LogTicks struct{}

// Ticks returns the ticks from lo to hi.
func (LogTicks) Ticks(lo, hi float64) []plot.Tick {
	many := math.Log10(hi/lo) > 3
	var ticks []plot.Tick
	for decade := math.Pow(10, math.Floor(math.Log10(lo))); decade <= hi; decade *= 10 {
		for digit := 1.0; digit < 10; digit++ {
			x := digit * decade
			if x < lo || x > hi {
				continue
			}
			t := plot.Tick{Value: x}
			if digit == 1 || !many && (digit == 2 || digit == 5) {
				t.Label = strconv.FormatFloat(x, 'g', 3, 64)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
