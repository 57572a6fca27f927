// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package report draws figures about data sets and about networks, and puts them
// on pages of HTML that need nothing else: no network, no scripts, no files
// beside them.
//
// A figure is written to a file, as PNG or SVG by the extension of its name, or
// returned as SVG for a [Page]. Values that are not finite are left out, and the
// figure says how many. Nothing to draw is drawn as an empty figure that says so.
package report

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

const dpi = 120 // of a PNG

// figure is a picture before it is drawn: a title, notes and a key above a body.
type figure struct {
	title         string
	notes         []string // what the reader must know of what is drawn and what is not
	keys          []key
	width, height vg.Length // of the body
	body          func(draw.Canvas)
}

// key says what a colour means.
type key struct {
	name  string
	color color.Color
}

const margin = 12 * vg.Length(1)

// save writes a figure to a file.
func (f *figure) save(path string) error {
	var content []byte
	var err error
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png":
		content, err = f.png()
	case ".svg":
		content, err = f.svg()
	default:
		err = errors.New("the name of a figure's file must end in .png or .svg")
	}
	if err != nil {
		return fmt.Errorf("report: %s: %w", path, err)
	}
	return writeFile(path, content)
}

func (f *figure) png() ([]byte, error) {
	w, h := f.size()
	img := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(paper))
	f.draw(draw.New(img))
	var b bytes.Buffer
	_, err := vgimg.PngCanvas{Canvas: img}.WriteTo(&b)
	return b.Bytes(), err
}

func (f *figure) svg() ([]byte, error) {
	w, h := f.size()
	canvas := vgsvg.New(w, h)
	f.draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	// Without the XML declaration it can stand in HTML. The font that text was
	// measured with is on few machines; the others have the same widths.
	svg := b.Bytes()[max(0, bytes.Index(b.Bytes(), []byte("<svg"))):]
	return bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

// size is that of the whole figure.
func (f *figure) size() (width, height vg.Length) {
	_, above := f.head()
	return f.width + 2*margin, f.height + above + 2*margin
}

// line is a line of text above the body.
type line struct {
	text  string
	style text.Style
	below vg.Length // from its top to that of what follows
}

// head gives the lines above the body, and the height of all that is above it.
func (f *figure) head() (lines []line, height vg.Length) {
	title, small := textStyle(13, ink), textStyle(9, muted)
	title.Font.Weight = bold
	for _, s := range wrap(f.title, title, f.width) {
		lines = append(lines, line{s, title, 17})
	}
	for _, note := range f.notes {
		for _, s := range wrap(note, small, f.width) {
			lines = append(lines, line{s, small, 13})
		}
	}
	for _, l := range lines {
		height += l.below
	}
	if f.keys != nil {
		height += 16
	}
	return lines, height + 7
}

func (f *figure) draw(c draw.Canvas) {
	c.SetColor(paper)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)

	lines, height := f.head()
	y := c.Max.Y
	for _, l := range lines {
		c.FillText(l.style, vg.Point{X: c.Min.X, Y: y}, l.text)
		y -= l.below
	}
	x, small := c.Min.X, textStyle(9, muted)
	for _, k := range f.keys {
		rectangle(c, k.color, x, y-12, x+14, y-3)
		c.FillText(small, vg.Point{X: x + 18, Y: y - 2}, k.name)
		x += 18 + small.Width(k.name) + 14
	}
	f.body(draw.Crop(c, 0, 0, 0, -height))
}

// empty makes a text the body, where there is nothing to draw.
func (f *figure) empty(s string) *figure {
	f.width, f.height, f.keys = 5*vg.Inch, 0.8*vg.Inch, nil
	f.body = func(c draw.Canvas) { words(s)(c, nil, nil) }
	return f
}

// finite gives the values that can be drawn. Those beyond 1e30 are none: sums and
// differences of such values leave the range of a number.
func finite(values []float64) []float64 {
	var list []float64
	for _, x := range values {
		if drawable(x) {
			list = append(list, x)
		}
	}
	return list
}

func drawable(x float64) bool { return math.Abs(x) <= 1e30 } // not so for NaN

// leftOut is the note about n values that cannot be drawn, if there are any.
func leftOut(n int) []string {
	switch n {
	case 0:
		return nil
	case 1:
		return []string{"1 value is not a finite number and is left out."}
	}
	return []string{fmt.Sprintf("%d values are not finite numbers and are left out.", n)}
}
