// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package report draws figures about data sets and about networks, and puts them
// on pages of HTML that need nothing else: no network, no scripts, no files
// beside them.
//
// A [Figure] is written to a file, as PNG or SVG by the extension of its name, or is a
// block of a [Page]. Values that are not finite are skipped, and the figure notes their
// number. A figure without values notes that, too.
package report

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"image/color"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/etude-ml/etude/torch/wholefile"
)

const (
	dpi     = 120 // of a PNG
	maxRows = 128 // of a figure with a row for each output
)

// Figure is a picture: a title, notes and a key above a body.
type Figure struct {
	Alt string // describes the figure for readers who cannot see it; a page requires it

	title         string
	notes         []string // what the reader must know of what is drawn and what is not
	keys          []key
	width, height vg.Length // of the body
	body          func(draw.Canvas)
}

// key explains a colour.
type key struct {
	name  string
	color color.Color
}

const margin = 12 * vg.Length(1)

// WriteFile writes the figure to a file, which it replaces as a whole.
func (f *Figure) WriteFile(path string) error {
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

// writeFile replaces a file as a whole: a reader never sees half of it.
func writeFile(path string, content []byte) error {
	// A device or a folder must not be replaced by a file.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("report: %s: there is something else than a file of that name; give another", path)
	}
	_ = wholefile.Sweep(filepath.Dir(path), filepath.Base(path))
	if err := wholefile.Write(path, content); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func (f *Figure) png() ([]byte, error) {
	w, h := f.size()
	img := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(paper))
	f.draw(draw.New(img))
	var b bytes.Buffer
	_, err := vgimg.PngCanvas{Canvas: img}.WriteTo(&b)
	return b.Bytes(), err
}

func (f *Figure) svg() ([]byte, error) {
	canvas := vgsvg.New(f.size())
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

var (
	styles   = regexp.MustCompile(`style="[^"]*"`) // text has no quotes but &#34;
	hexColor = regexp.MustCompile("#[0-9A-F]{6}")
)

// html returns the SVG for a page, whose colours it takes. It fills the page's width up
// to its own, and on a narrow screen it stays large enough to be read.
func (f *Figure) html() (template.HTML, error) {
	svg, err := f.svg()
	if err != nil {
		return "", err
	}
	width, height := f.size()
	pixels := width.Points() * 96 / 72
	head := fmt.Sprintf(`<svg role="img" aria-label="%s" viewBox="0 0 %.5g %.5g" style="max-width:%.0fpx;min-width:%.0fpx">`,
		template.HTMLEscapeString(plain(f.Alt)), width.Points(), height.Points(), pixels, pixels*0.62)
	body := styles.ReplaceAllFunc(svg[bytes.Index(svg, []byte("<g")):], func(style []byte) []byte {
		return hexColor.ReplaceAllFunc(style, func(hex []byte) []byte { return []byte(themedColor(string(hex))) })
	})
	return template.HTML(head) + template.HTML(body), nil
}

// themedColor returns the name that a page has for a colour. One that shines through may
// have lost the last digit on its way into the SVG.
func themedColor(hex string) string {
	rgb, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		return hex
	}
	near := func(x uint64, y uint8) bool { return max(x&0xff, uint64(y))-min(x&0xff, uint64(y)) <= 2 }
	for c, name := range themed {
		if near(rgb>>16, c.R) && near(rgb>>8, c.G) && near(rgb, c.B) {
			return "var(" + name + ")"
		}
	}
	return hex
}

// size returns the size of the whole figure.
func (f *Figure) size() (width, height vg.Length) {
	_, above := f.head()
	return f.width + 2*margin, f.height + above + 2*margin
}

// line is a line of text above the body.
type line struct {
	text  string
	style text.Style
	below vg.Length // from its top to that of what follows
}

// head returns the lines above the body, and the height of all that is above it.
func (f *Figure) head() (lines []line, height vg.Length) {
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

func (f *Figure) draw(c draw.Canvas) {
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
func (f *Figure) empty(s string) *Figure {
	f.width, f.height, f.keys = 5*vg.Inch, 0.8*vg.Inch, nil
	f.body = func(c draw.Canvas) { words(s)(c, nil, nil) }
	return f
}

// limit returns the names that are drawn, and notes if these are not all.
func (f *Figure) limit(names []string, most int) []string {
	if len(names) > most {
		f.notes = append(f.notes, fmt.Sprintf("The first %d of %d.", most, len(names)))
		names = names[:most]
	}
	return names
}

// rows makes a panel with n named rows the body of a figure that grows with them.
func (f *Figure) rows(p *plot.Plot, n int, row vg.Length) {
	f.width, f.height = 7.5*vg.Inch, vg.Length(max(n, 2))*row+0.6*vg.Inch
	f.body = p.Draw
}

// leftOut returns the note about n values that cannot be drawn, if there are any.
func leftOut(n int) []string {
	switch n {
	case 0:
		return nil
	case 1:
		return []string{"1 value is not a finite number and is left out."}
	}
	return []string{fmt.Sprintf("%d values are not finite numbers and are left out.", n)}
}

// misfit returns the error of lists that do not fit each other.
func misfit(title, format string, args ...any) error {
	return fmt.Errorf("report: %s: %w", plain(title), fmt.Errorf(format, args...))
}
