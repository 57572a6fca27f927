// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"image/color"
	"sort"
	"strings"
	"unicode"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/etude-ml/etude/trainer/figure"
)

// Colours of figures, most of which every plot of this module has. A page exchanges
// them in dark mode.
var (
	paper    = color.RGBA{0xff, 0xff, 0xff, 0xff}
	muted    = color.RGBA{0x66, 0x66, 0x66, 0xff}
	ink      = figure.Ink
	first    = figure.Blue   // the network, the data
	second   = figure.Orange // the constant prediction
	boxColor = figure.PaleBlue
)

// themed names the colours as a page does, so that it can exchange them in dark mode.
var themed = map[color.RGBA]string{
	paper: "--paper", ink: "--ink", muted: "--muted", figure.Grid: "--grid", first: "--first", second: "--second", boxColor: "--box",
}

const bold = 3 // Go's font package calls it WeightBold

// textStyle returns a style that is left-aligned below its point.
func textStyle(size float64, c color.Color) text.Style {
	s := text.Style{
		Color: c, Font: font.From(plot.DefaultFont, vg.Points(size)),
		XAlign: draw.XLeft, YAlign: draw.YTop, Handler: plot.DefaultTextHandler,
	}
	s.Font.Variant = "Sans"
	return s
}

// plain returns one line of any text, which it cuts after 300 characters. See [lines].
func plain(s string) string {
	const most = 300
	n := 0
	for i := range s {
		if n++; n > most {
			s = s[:i]
			break
		}
	}
	return strings.Join(strings.Fields(lines(s)), " ")
}

// lines returns text without what is not a character in HTML or turns the direction of
// what follows.
func lines(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�")))
}

// elide cuts a text that is wider than it may be.
func elide(s string, style text.Style, width vg.Length) string {
	s = plain(s)
	if style.Width(s) <= width {
		return s
	}
	runes := []rune(s)
	n := sort.Search(len(runes), func(n int) bool { return style.Width(string(runes[:n+1])+"…") > width })
	return strings.TrimSpace(string(runes[:n])) + "…"
}

// wrap breaks a text into lines at spaces. A word that is too wide is cut.
func wrap(s string, style text.Style, width vg.Length) []string {
	var lines []string
	for _, word := range strings.Fields(plain(s)) {
		if n := len(lines); n > 0 && style.Width(lines[n-1]+" "+word) <= width {
			lines[n-1] += " " + word
		} else {
			lines = append(lines, elide(word, style, width))
		}
	}
	return lines
}

// rectangle fills an area.
func rectangle(c draw.Canvas, fill color.Color, x0, y0, x1, y1 vg.Length) {
	c.FillPolygon(fill, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
}
