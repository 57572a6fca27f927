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
	name     string
	wanted   scale
	values   []float64 // numbers only
	outside  int       // of these, out of range
	examples []string  // the first of these, with their files
	scale    scale     // that it seems to have; zero: the wanted one
}

func (c *column) add(name string, v float64) {
	c.values = append(c.values, v)
	if c.wanted.holds(v) {
		return
	}
	if c.outside++; c.outside <= shownNames {
		c.examples = append(c.examples, fmt.Sprintf("%q %g", name, v))
	}
}

// findScales finds the columns that are on another scale.
func findScales(all []label) []ColumnScale {
	var found []ColumnScale
	for _, c := range readColumns(all) {
		if c.scale != (scale{}) {
			found = append(found, ColumnScale{
				Column: c.name, Low: c.scale.low, High: c.scale.high, Min: slices.Min(c.values), Max: slices.Max(c.values),
				Outside: c.outside, Mend: c.scale.mend(c.wanted), examples: c.examples,
			})
		}
	}
	return found
}

// readColumns reads both columns, and judges their scales.
func readColumns(all []label) []column {
	columns := []column{{name: "valence", wanted: valenceScale}, {name: "arousal", wanted: arousalScale}}
	valence, arousal := &columns[0], &columns[1]
	for _, l := range all {
		if l.numbers {
			valence.add(l.name, l.Valence)
			arousal.add(l.name, l.Arousal)
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
	for i := range columns {
		if c := &columns[i]; c.beyond(scaleLimit) {
			c.scale = scaleOf(together)
		}
	}
	if arousal.scale == (scale{}) && arousal.beyond(signedLimit) && valenceScale.holds(arousal.values...) {
		arousal.scale = valenceScale
	}
	// A scale of 0 to 1 for both is common, and nothing but its lack of negative
	// valence gives it away. It would reach above its middle.
	if v := valence.values; len(v) >= fewLabels && arousalScale.holds(v...) && slices.Min(v) < slices.Max(v) && slices.Max(v) > 0.5 {
		valence.scale = arousalScale
	}
	return columns
}

// faultKind returns the kind of a label's fault. A number that is out of range with
// all of its column is a matter of the column.
func (l label) faultKind(columns []column) Kind {
	if !l.beyond {
		return KindLabel
	}
	for i, v := range []float64{l.Valence, l.Arousal} {
		if c := columns[i]; !c.wanted.holds(v) && c.scale == (scale{}) {
			return KindRange
		}
	}
	return KindScale
}

// beyond reports whether so much of a column is out of range that it has another
// scale.
func (c column) beyond(share float64) bool {
	return len(c.values) >= fewNumbers && float64(c.outside) >= share*float64(len(c.values))
}

func (s scale) holds(values ...float64) bool {
	return slices.Min(values) >= s.low && slices.Max(values) <= s.high
}

func scaleOf(values []float64) scale {
	for _, s := range scales {
		if s.holds(values...) {
			return s
		}
	}
	return scale{}
}

// mend describes, as a formula in words, how numbers of s become numbers of wanted.
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
	return fmt.Sprintf("%s (%s out of range: %s)", text, plural(c.Outside, "number"), few(c.examples, c.Outside))
}
