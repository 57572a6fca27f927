// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var number = regexp.MustCompile(`-?[0-9.]+(e-?[0-9]+)?`)

// area gives the ends of a path of straight lines.
func area(t *testing.T, d string) (x0, y0, x1, y1 float64) {
	x0, y0, x1, y1 = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for i, s := range number.FindAllString(d, -1) {
		v, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		if i%2 == 0 {
			x0, x1 = min(x0, v), max(x1, v)
		} else {
			y0, y1 = min(y0, v), max(y1, v)
		}
	}
	return x0, y0, x1, y1
}

// filled gives the areas with a colour, as SVG writes it.
func filled(t *testing.T, svg []byte, style string) (areas [][4]float64) {
	elements, _ := parse(t, svg)
	for _, e := range elements {
		if e.name == "path" && e.style == style {
			x0, y0, x1, y1 := area(t, e.d)
			areas = append(areas, [4]float64{x0, y0, x1, y1})
		}
	}
	return areas
}

// An SVG has five digits, so places are within 0.01 points; bars here are tens of
// points long.
const place = 0.05

func TestLengthsOfBars(t *testing.T) {
	svg := svgOf(t, must(t)(Bars("", []string{"a", "b", "c"}, []float64{1, 2, -0.5}, []float64{4, 4, 4}, "RMSE")))
	bars, constant := filled(t, svg, "fill:#0072B2"), filled(t, svg, "fill:#E69F00")
	bars, constant = bars[1:], constant[1:] // after the key
	require.Len(t, bars, 3)
	require.Len(t, constant, 3)
	unit := bars[0][2] - bars[0][0]
	assert.Greater(t, unit, 50.)
	zero := bars[0][0]
	assert.InDelta(t, zero, bars[1][0], place)
	assert.InDelta(t, zero+2*unit, bars[1][2], place)
	assert.InDelta(t, zero, bars[2][2], place)
	assert.InDelta(t, zero-unit/2, bars[2][0], place)
	for i, c := range constant {
		assert.InDelta(t, zero+4*unit, c[2], place)
		assert.Less(t, c[3], bars[i][1], "below its bar")
		if i > 0 {
			assert.Less(t, bars[i][3], constant[i-1][1], "below the row before")
		}
	}
}

// Of a perfect prediction every point lies on the dashed line.
func TestPerfectPredictionsLieOnTheLine(t *testing.T) {
	values := [][]float64{{0.1, 0.3, 0.35, 0.9}}
	svg := svgOf(t, must(t)(PredictedTrue("", []string{"a"}, values, values)))
	elements, _ := parse(t, svg)
	var points [][2]float64
	var x0, y0, x1, y1 float64
	for _, e := range elements {
		switch {
		case strings.Contains(e.style, "stroke-dasharray:4,3"):
			x0, y0, x1, y1 = area(t, e.d)
		case strings.Contains(e.style, "fill-opacity"):
			// M right,y A r,r … left,y A …
			n := number.FindAllString(e.d, -1)
			right, _ := strconv.ParseFloat(n[0], 64)
			y, _ := strconv.ParseFloat(n[1], 64)
			r, _ := strconv.ParseFloat(n[2], 64)
			points = append(points, [2]float64{right - r, y})
		}
	}
	require.Len(t, points, 4)
	require.Greater(t, x1-x0, 100.)
	for i, p := range points {
		along := (p[0] - x0) / (x1 - x0)
		assert.InDelta(t, y0+along*(y1-y0), p[1], place, "point %d", i)
	}
	// 0.05 of the range is room on both sides.
	assert.InDelta(t, 0.05/1.1, (points[0][0]-x0)/(x1-x0), 0.001)
}

// The percentiles are those of numpy.percentile.
func TestBoxes(t *testing.T) {
	got := newBox([]float64{4, 1, 3, 2, 10})
	for i, want := range []float64{1, 1.2, 2, 3, 4, 8.8, 10} {
		assert.InDelta(t, want, got[i], 1e-12) // rounding
	}
	assert.Equal(t, box{2, 2, 2, 2, 2, 2, 2}, newBox([]float64{2}))
	assert.Nil(t, newBox(nil))
}

// The counts are those of numpy.histogram.
func TestCount(t *testing.T) {
	counts, lo, width := count([]float64{0, 1, 1, 2, 3.5, 4}, 4)
	assert.Equal(t, []int{1, 2, 1, 2}, counts)
	assert.Equal(t, []float64{0, 1}, []float64{lo, width})

	counts, lo, width = count([]float64{7, 7}, 4)
	assert.Equal(t, []int{0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0}, counts)
	assert.Less(t, lo+5*width, 7.)
	assert.Greater(t, lo+6*width, 7.)

	for n, want := range map[int]int{0: 5, 1: 11, 30: 5, 400: 20, 1e4: 60} {
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(i)
		}
		counts, _, _ = count(values, bins(n))
		assert.Len(t, counts, want, "%d values", n)
	}
}
