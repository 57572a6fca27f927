// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"slices"
)

// ColumnScale is a column of labels that looks as if it had another scale than
// the one that labels must have.
type ColumnScale struct {
	Column  string  `json:"column"` // "valence" or "arousal"
	Low     float64 `json:"low"`    // of the scale that it looks like
	High    float64 `json:"high"`
	Min     float64 `json:"min"` // of the column's numbers
	Max     float64 `json:"max"`
	Outside int     `json:"outside"` // numbers that are out of range; 0 where the scale is only suspicious
	Mend    string  `json:"mend"`    // "subtract 5 and divide by 4"

	examples []string
}

// scales lists the ranges that published labels have: the first one that holds a
// column is taken.
var scales = []scale{{1, 5}, {1, 9}, {0, 10}, {0, 100}}

const (
	// scaleLimit is the share of a column that must be out of range: what is less
	// are slips. For arousal in -1 to 1, of which half lies in 0 to 1 as well, it is
	// signedLimit.
	scaleLimit  = 0.5
	signedLimit = 0.2
	// fewNumbers: columns with fewer values than this are not judged.
	fewNumbers = 3
	// fewLabels: the spread of fewer labels than this is not judged.
	fewLabels = 8
)

// column is a column of a label file.
type column struct {
	name    string
	wanted  scale
	values  []float64 // numbers only
	names   []string  // their files
	outside []int     // positions
	scale   scale     // zero: nothing to be said against it
}

// findScales finds the columns that are on another scale.
func findScales(all []label) []ColumnScale {
	columns := readColumns(all)
	var found []ColumnScale
	for _, c := range columns {
		if c.scale == (scale{}) {
			continue
		}
		f := ColumnScale{
			Column: c.name, Low: c.scale.low, High: c.scale.high, Min: slices.Min(c.values), Max: slices.Max(c.values),
			Outside: len(c.outside), Mend: c.scale.mend(c.wanted),
		}
		for _, i := range c.outside {
			f.examples = append(f.examples, fmt.Sprintf("%q %g", c.names[i], c.values[i]))
		}
		found = append(found, f)
	}
	return found
}

// readColumns reads both columns, and judges their scales.
func readColumns(all []label) []column {
	columns := []column{{name: "valence", wanted: valenceScale}, {name: "arousal", wanted: arousalScale}}
	for i := range columns {
		c := &columns[i]
		for _, l := range all {
			if !l.numbers {
				continue
			}
			v := l.Valence
			if c.name == "arousal" {
				v = l.Arousal
			}
			if v < c.wanted.low || v > c.wanted.high {
				c.outside = append(c.outside, len(c.values))
			}
			c.values, c.names = append(c.values, v), append(c.names, l.name)
		}
	}
	// Both are rated on one scale, though it may show in one column only that it
	// goes beyond 5.
	var together []float64
	for _, c := range columns {
		if c.beyond(scaleLimit) {
			together = append(together, c.values...)
		}
	}
	valence, arousal := &columns[0], &columns[1]
	for i := range columns {
		if c := &columns[i]; c.beyond(scaleLimit) {
			c.scale = scaleOf(together)
		}
	}
	if arousal.scale == (scale{}) && arousal.beyond(signedLimit) && valenceScale.holds(arousal.values) {
		arousal.scale = valenceScale
	}
	// A scale of 0 to 1 for both is common, and nothing but its lack of negative
	// valence gives it away. It would reach above its middle.
	if v := valence.values; len(v) >= fewLabels && arousalScale.holds(v) && slices.Min(v) < slices.Max(v) && slices.Max(v) > 0.5 {
		valence.scale = arousalScale
	}
	return columns
}

// faultKind says what kind of fault a label has. A number that is out of range with
// all of its column is a matter of the column.
func (l label) faultKind(columns []column) Kind {
	if !l.beyond {
		return KindLabel
	}
	for i, v := range []float64{l.Valence, l.Arousal} {
		c := columns[i]
		if (v < c.wanted.low || v > c.wanted.high) && c.scale == (scale{}) {
			return KindRange
		}
	}
	return KindScale
}

// beyond reports whether so much of a column is out of range that it has another
// scale.
func (c column) beyond(share float64) bool {
	return len(c.values) >= fewNumbers && float64(len(c.outside)) >= share*float64(len(c.values))
}

func (s scale) holds(values []float64) bool {
	return slices.Min(values) >= s.low && slices.Max(values) <= s.high
}

func scaleOf(values []float64) scale {
	for _, s := range scales {
		if s.holds(values) {
			return s
		}
	}
	return scale{}
}

// mend describes how numbers of s become numbers of wanted.
func (s scale) mend(wanted scale) string {
	if s == arousalScale && wanted == valenceScale {
		return "multiply by 2 and subtract 1"
	}
	// (v - zero) / unit is v on the wanted scale.
	unit := (s.high - s.low) / (wanted.high - wanted.low)
	zero := s.low - wanted.low*unit
	text := ""
	switch {
	case zero > 0:
		text = fmt.Sprintf("subtract %g and ", zero)
	case zero < 0:
		text = fmt.Sprintf("add %g and ", -zero)
	}
	return text + fmt.Sprintf("divide by %g", unit)
}

// text describes the scale, the fix, and the numbers that are out of range.
func (c ColumnScale) text() string {
	if c.Outside == 0 {
		return fmt.Sprintf("%s lies in %g to %g, with no negative one among them: if the scale is %g to %g, %s", c.Column, c.Min, c.Max, c.Low, c.High, c.Mend)
	}
	where := ""
	if c.Low == 1 && c.High == 9 {
		where = ", as DEAM has it"
	}
	text := fmt.Sprintf("%s lies in %g to %g%s: %s", c.Column, c.Low, c.High, where, c.Mend)
	if where != "" {
		text += ", or let etude import deam do it"
	}
	return fmt.Sprintf("%s (%s out of range: %s)", text, plural(c.Outside, "number"), few(c.examples))
}
