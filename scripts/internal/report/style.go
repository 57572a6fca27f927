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
)

// Colours that people who see red and green alike can tell apart (Okabe and Ito),
// and that differ in lightness too. A page exchanges them in dark mode.
var (
	paper    = color.RGBA{0xff, 0xff, 0xff, 0xff}
	ink      = color.RGBA{0x30, 0x30, 0x30, 0xff}
	muted    = color.RGBA{0x66, 0x66, 0x66, 0xff}
	grid     = color.RGBA{0xdc, 0xdc, 0xdc, 0xff}
	first    = color.RGBA{0x00, 0x72, 0xb2, 0xff} // blue: the network, the data
	second   = color.RGBA{0xe6, 0x9f, 0x00, 0xff} // orange: the constant prediction
	boxColor = color.RGBA{0x9c, 0xc8, 0xe4, 0xff} // light blue
)

const bold = 3 // Go's font package calls it WeightBold

// textStyle is left-aligned below its point.
func textStyle(size float64, c color.Color) text.Style {
	s := text.Style{
		Color: c, Font: font.From(plot.DefaultFont, vg.Points(size)),
		XAlign: draw.XLeft, YAlign: draw.YTop, Handler: plot.DefaultTextHandler,
	}
	s.Font.Variant = "Sans"
	return s
}

// plain makes a line of text of anything: without what is no character in XML or
// turns the direction of what follows, and not endless.
func plain(s string) string {
	const most = 300
	n := 0
	s = strings.Map(func(r rune) rune {
		if n++; n > most {
			return -1
		}
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	return strings.Join(strings.Fields(s), " ")
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
