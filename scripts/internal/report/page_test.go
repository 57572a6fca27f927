// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const hostile = `<script>alert("1")</script><img src=x onerror=alert(2)>'&amp; #303030`

func picture(t *testing.T) *Figure {
	return must(t)(Bars(hostile, []string{hostile, "swing"}, []float64{1, 2}, []float64{3, 4}, "RMSE"))
}

func fullPage(t *testing.T) Page {
	f := picture(t)
	f.Alt = "Alt " + hostile
	return Page{Title: "Title " + hostile, Blocks: []Block{
		Heading("Heading " + hostile),
		Paragraph("Paragraph " + hostile + "\nsecond line\x00\u202e"),
		Table{Caption: "Caption " + hostile, Header: []string{"file " + hostile, "why", "size", "r"}, Rows: []Row{
			{Cells: []string{"a " + hostile, "silent", "1,200 kB", "0.5"}, Level: Error},
			{Cells: []string{"b", "short", "3 kB", "–"}, Level: Warning},
			{Cells: []string{"c", "read", "12 kB", "−1e-3"}, Level: Good},
			{Cells: []string{"d", "7", "", "12 %"}},
		}},
		Table{Header: []string{"nothing"}},
		Table{},
		f,
	}}
}

// node is an element of a page.
type node struct {
	name, text string // the text directly in it
	attributes map[string]string
}

// nodes reads a page as strictly as XML, but for meta, which HTML does not close.
func nodes(t *testing.T, page []byte) (list []*node) {
	t.Helper()
	closed := regexp.MustCompile(`(?m)^(<meta .*)>$`).ReplaceAllString(string(page), "$1/>")
	d := xml.NewDecoder(strings.NewReader(closed))
	var open []*node
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			require.Empty(t, open)
			return list
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				require.NotContains(t, n.attributes, a.Name.Local, "twice")
				n.attributes[a.Name.Local] = a.Value
			}
			list, open = append(list, n), append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(token)
			}
		}
	}
}

func find(list []*node, name string) (found []*node) {
	for _, n := range list {
		if n.name == name {
			found = append(found, n)
		}
	}
	return found
}

func TestPage(t *testing.T) {
	content, err := fullPage(t).HTML()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(content), "<!DOCTYPE html>\n<html lang=\"en\">"))
	list := nodes(t, content)

	text := func(name string) string { return find(list, name)[0].text }
	assert.Equal(t, "Title "+hostile, text("title"))
	assert.Equal(t, "Title "+hostile, text("h1"))
	assert.Equal(t, "Heading "+hostile, text("h2"))
	assert.Equal(t, "Paragraph "+hostile+"\nsecond line", text("p"))
	assert.Equal(t, "Caption "+hostile, text("caption"))
	picture := find(list, "svg")[0]
	assert.Equal(t, "Alt "+hostile, picture.attributes["aria-label"])
	assert.Equal(t, "img", picture.attributes["role"])
	assert.Contains(t, string(content), "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;")

	levels := map[string]string{}
	for _, row := range find(list, "tr") {
		levels[row.attributes["class"]] = row.name
	}
	assert.Equal(t, map[string]string{"error": "tr", "warning": "tr", "good": "tr", "": "tr"}, levels)
	var words, right, names []string
	for _, n := range list {
		switch {
		case n.attributes["class"] == "level":
			words = append(words, n.text)
		case n.attributes["class"] == "number":
			right = append(right, n.text)
		case n.attributes["scope"] == "row":
			names = append(names, n.text)
		}
	}
	assert.Equal(t, []string{"error", "warning", "good"}, words, "not by colour alone")
	assert.Equal(t, []string{"size", "r", "1,200 kB", "0.5", "3 kB", "–", "12 kB", "−1e-3", "", "12 %"}, right)
	assert.Equal(t, []string{"a " + hostile, "b", "c", "d"}, names)
	assert.Equal(t, 2, strings.Count(string(content), `">none</td>`))
}

// Nothing runs, and nothing is fetched.
func TestPageNeedsNothing(t *testing.T) {
	content, err := fullPage(t).HTML()
	require.NoError(t, err)
	for _, n := range nodes(t, content) {
		assert.Contains(t, []string{
			"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "div", "span",
			"table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "svg", "g", "path", "text",
		}, n.name)
		for name := range n.attributes {
			assert.NotRegexp(t, `^(on.*|src|href|action|background)$`, name)
		}
		if n.name == "style" {
			assert.NotRegexp(t, `url\(|@import|http`, n.text)
		}
	}
	assert.Contains(t, string(content), `content="default-src 'none'; style-src 'unsafe-inline'"`)
}

// The colours of a figure are the page's, but for text that looks like one.
func TestFiguresTakeThePagesColours(t *testing.T) {
	names, predicted, truth, residuals := outputs(3, 30)
	for kind, c := range charts(t, names, predicted, truth, residuals, truth[0][:3]) {
		html, err := c.html()
		require.NoError(t, err)
		assert.NotContains(t, string(html), "#", kind)
		assert.Contains(t, string(html), "fill:var(--ink)", kind)
	}
	html, err := picture(t).html()
	require.NoError(t, err)
	assert.Contains(t, string(html), "#303030</text>")
}

// Both themes define every colour that is used, and text stands out from what is
// behind it: a ratio of 4.5 is level AA of WCAG 2.2, 3 for graphics.
func TestContrast(t *testing.T) {
	light, dark, found := strings.Cut(pageText, "prefers-color-scheme: dark")
	require.True(t, found)
	dark, _, _ = strings.Cut(dark, "* {")
	definition := regexp.MustCompile(`(--[a-z-]+): (#[0-9a-f]{6});`)
	for theme, css := range map[string]string{"light": light, "dark": dark} {
		defined := map[string]string{}
		for _, m := range definition.FindAllStringSubmatch(css, -1) {
			defined[m[1]] = m[2]
		}
		for _, m := range regexp.MustCompile(`var\((--[a-z-]+)\)`).FindAllStringSubmatch(pageText, -1) {
			assert.Contains(t, defined, m[1], theme)
		}
		for c, name := range themed {
			require.Contains(t, defined, name, theme)
			if theme == "light" {
				assert.InDelta(t, luminance(t, defined[name]), luminance(t, hex(c.R, c.G, c.B)), 1e-9, name)
			}
		}
		for _, pair := range []struct {
			text, back string
			least      float64
		}{
			{"--ink", "--paper", 4.5}, {"--muted", "--paper", 4.5}, {"--good", "--good-back", 4.5},
			{"--warning", "--warning-back", 4.5}, {"--error", "--error-back", 4.5}, {"--first", "--paper", 3},
		} {
			a, b := luminance(t, defined[pair.text]), luminance(t, defined[pair.back])
			assert.GreaterOrEqual(t, (max(a, b)+0.05)/(min(a, b)+0.05), pair.least, "%s: %s", theme, pair.text)
		}
	}
}

func hex(r, g, b uint8) string {
	return "#" + strconv.FormatUint(1<<24|uint64(r)<<16|uint64(g)<<8|uint64(b), 16)[1:]
}

// luminance is WCAG's relative luminance of a colour.
func luminance(t *testing.T, hex string) float64 {
	rgb, err := strconv.ParseUint(hex[1:], 16, 32)
	require.NoError(t, err)
	var sum float64
	for i, weight := range []float64{0.0722, 0.7152, 0.2126} {
		c := float64(rgb>>(8*i)&0xff) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}

func TestPagesThatCannotBe(t *testing.T) {
	for want, block := range map[string]Block{
		`table "t": row 2 has 1 cells, want 2`: Table{Caption: "t", Header: []string{"a", "b"}, Rows: []Row{{Cells: []string{"1", "2"}}, {Cells: []string{"1"}}}},
		`row 2 has 2 cells, want 1`:            Table{Rows: []Row{{Cells: []string{"1"}}, {Cells: []string{"1", "2"}}}},
		"no alternative text":                  picture(t),
	} {
		path := filepath.Join(t.TempDir(), "page.html")
		require.NoError(t, os.WriteFile(path, []byte("before"), 0o644))
		err := Page{Title: "p", Blocks: []Block{Heading("h"), block}}.Write(path)
		assert.ErrorContains(t, err, `report: page "p": block 2: `)
		assert.ErrorContains(t, err, want)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "before", string(left))
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	require.NoError(t, os.WriteFile(path, []byte("before"), 0o600))
	page := fullPage(t)
	require.NoError(t, page.Write(path))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	want, err := page.HTML()
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing is left beside it")
	assert.Error(t, page.Write(filepath.Join(dir, "none", "page.html")))

	again, err := page.HTML()
	require.NoError(t, err)
	assert.Equal(t, string(want), string(again), "the same page twice")
}

// Numbers stand to the right, texts that begin with one to the left.
func TestColumnsOfNumbers(t *testing.T) {
	table := func(cells ...string) Table {
		var t Table
		for _, c := range cells {
			t.Rows = append(t.Rows, Row{Cells: []string{c}})
		}
		return t
	}
	assert.True(t, table("1", "-", "2.5 s", "1,024", "−3 dB").numbers(0))
	assert.False(t, table("1", "2 of 20 clips are short").numbers(0))
	assert.False(t, table("-", "").numbers(0))
}
