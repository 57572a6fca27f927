// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// evenTicks puts about six labels on multiples of 1, 2 or 5 times a power of ten.
type evenTicks struct{}

func (evenTicks) Ticks(lo, hi float64) []plot.Tick {
	step := niceStep((hi - lo) / 6)
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var ticks []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+step*1e-9; i++ {
		x := i * step
		label := strconv.FormatFloat(x, 'f', decimals, 64)
		if decimals > 5 || math.Abs(x) >= 1e6 {
			label = strconv.FormatFloat(x, 'g', 3, 64)
		}
		if i == 0 {
			label = "0"
		}
		ticks = append(ticks, plot.Tick{Value: x, Label: label})
	}
	return ticks
}

// niceStep is the least 1, 2 or 5 times a power of ten that is not less than x > 0.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, digit := range []float64{1, 2, 5} {
		if digit*power >= x*(1-1e-9) {
			return digit * power
		}
	}
	return 10 * power
}

// wholeTicks puts at most about ten ticks on whole numbers from 1 on.
type wholeTicks struct{}

func (wholeTicks) Ticks(lo, hi float64) []plot.Tick {
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

// logTicks labels 1, 2 and 5 of every decade, or the decades alone when there are many.
type logTicks struct{}

func (logTicks) Ticks(lo, hi float64) []plot.Tick {
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
