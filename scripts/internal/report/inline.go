// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"image/color"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// themed are the colours that a page names, so that it can exchange them in dark
// mode.
var themed = map[color.RGBA]string{
	paper: "--paper", ink: "--ink", muted: "--muted", grid: "--grid", first: "--first", second: "--second", boxColor: "--box",
}

// attributes are those of an SVG that stay in a page; of elements there are svg, g,
// path and text. Nothing that could load or run anything is among them.
var attributes = []string{"d", "transform", "x", "y", "style"}

// inline writes an SVG of this package anew for a page: element by element, so that
// nothing gets into the page that is not known here.
func inline(svg []byte, alt string) (template.HTML, error) {
	var b strings.Builder
	var open []string
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("its SVG cannot be read: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if (name == "svg") != (len(open) == 0 && b.Len() == 0) || name != "svg" && name != "g" && name != "path" && name != "text" {
				return "", fmt.Errorf("its SVG has an element %q, which this package does not draw", name)
			}
			b.WriteString("<" + name)
			if err := startElement(&b, token, alt); err != nil {
				return "", err
			}
			b.WriteByte('>')
			open = append(open, name)
		case xml.EndElement:
			b.WriteString("</" + token.Name.Local + ">")
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 && open[len(open)-1] == "text" {
				b.WriteString(template.HTMLEscapeString(string(token)))
			}
		}
	}
	if b.Len() == 0 {
		return "", errors.New("its SVG is empty")
	}
	return template.HTML(b.String()), nil
}

// startElement writes the attributes of an element.
func startElement(b *strings.Builder, e xml.StartElement, alt string) error {
	if e.Name.Local == "svg" {
		return openSVG(b, e, alt)
	}
	for _, name := range attributes {
		value := attribute(e, name)
		if name == "style" {
			if strings.ContainsAny(value, `(\@`) { // url(…) and such
				return fmt.Errorf("its SVG has a style %q, which this package does not write", value)
			}
			value = themedStyle(value)
		}
		if value != "" {
			fmt.Fprintf(b, ` %s="%s"`, name, template.HTMLEscapeString(value))
		}
	}
	return nil
}

// openSVG writes the attributes of the whole: it fills the page's width up to its
// own, and on a narrow screen it is not made so small that nobody can read it.
func openSVG(b *strings.Builder, e xml.StartElement, alt string) error {
	var size [4]float64
	fields := strings.Fields(attribute(e, "viewBox"))
	if len(fields) != len(size) {
		return fmt.Errorf("its SVG has the viewBox %q, want four numbers", strings.Join(fields, " "))
	}
	for i, s := range fields {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || !drawable(x) {
			return fmt.Errorf("its SVG has the viewBox %q, want four numbers", strings.Join(fields, " "))
		}
		size[i] = x
	}
	pixels := size[2] * 96 / 72
	fmt.Fprintf(b, ` role="img" aria-label="%s" viewBox="%g %g %g %g" style="max-width:%.0fpx;min-width:%.0fpx"`,
		template.HTMLEscapeString(alt), size[0], size[1], size[2], size[3], pixels, pixels*0.62)
	return nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

var hexColor = regexp.MustCompile("#[0-9A-F]{6}")

// themedStyle names the colours that dark mode exchanges. One that shines through
// may have lost the last digit on its way into the SVG.
func themedStyle(style string) string {
	return hexColor.ReplaceAllStringFunc(style, func(hex string) string {
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
	})
}
