// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"
)

// outputs makes names and samples of n outputs.
func outputs(n, samples int) (names []string, predicted, truth, residuals [][]float64) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		p, t, r := make([]float64, samples), make([]float64, samples), make([]float64, samples)
		for k := range samples {
			t[k] = random.Float64()
			p[k] = 0.7*t[k] + 0.15 + 0.1*random.NormFloat64()
			r[k] = p[k] - t[k]
		}
		names = append(names, fmt.Sprintf("output %d", i+1))
		predicted, truth, residuals = append(predicted, p), append(truth, t), append(residuals, r)
	}
	return names, predicted, truth, residuals
}

// charts draws everything from the same samples.
func charts(t *testing.T, names []string, predicted, truth, residuals [][]float64, values []float64) map[string]*Figure {
	const title = "A title"
	p := must(t)(PredictedTrue(title, names, predicted, truth))
	r := must(t)(Residuals(title, names, residuals))
	c := map[string]*Figure{
		"predicted": p, "residuals": r, "histogram": Histogram(title, "duration (s)", values),
		"scatter": must(t)(Scatter(title, "valence", "arousal", values, values)),
		"curve":   must(t)(Curve(title, []string{"valence"}, values, [][]float64{values}, "seconds")),
	}
	if len(names) == len(values) {
		c["bars"] = must(t)(Bars(title, names, values, values, "RMSE"))
		c["counts"] = must(t)(Bars(title, names, values, nil, "files"))
	}
	return c
}

// must fails the test where a figure cannot be drawn.
func must(t *testing.T) func(*Figure, error) *Figure {
	return func(f *Figure, err error) *Figure {
		t.Helper()
		require.NoError(t, err)
		return f
	}
}

// svgOf returns a figure as SVG.
func svgOf(t *testing.T, f *Figure) []byte {
	t.Helper()
	svg, err := f.svg()
	require.NoError(t, err)
	return svg
}

func decodePNG(t *testing.T, path string) image.Image {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err, path)
	return img
}

// share is that of the pixels with exactly this colour.
func share(img image.Image, c color.Color) float64 {
	n, b := 0, img.Bounds()
	want := color.RGBAModel.Convert(c)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if color.RGBAModel.Convert(img.At(x, y)) == want {
				n++
			}
		}
	}
	return float64(n) / float64(b.Dx()*b.Dy())
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// element is a path or a text of an SVG.
type element struct {
	name, style, d, text string
}

// parse reads an SVG strictly; its texts are joined by "|".
func parse(t *testing.T, svg []byte) (elements []element, texts string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return elements, texts
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			elements = append(elements, element{token.Name.Local, attribute(token, "style"), attribute(token, "d"), ""})
		case xml.CharData:
			if s := strings.TrimSpace(string(token)); s != "" {
				texts += s + "|"
			}
		}
	}
}

// A PNG has 120 pixels for 72 points, and the figure's size in points follows from
// the number of outputs.
func TestPNG(t *testing.T) {
	names, predicted, truth, residuals := outputs(32, 50)
	values := truth[0][:32]
	const around = 2*12 + 17 + 7 // margins and title
	for name, want := range map[string]struct {
		width, height vg.Length
		color         color.Color
	}{
		// 6 columns and 6 rows of 1.6 inches.
		"predicted": {6*1.6*72 + 20 + 24, 6*(1.6*72+20) + 20 + around, nil},
		"residuals": {7.5*72 + 24, 32*0.27*72 + 0.6*72 + around + 13, boxColor},
		"bars":      {7.5*72 + 24, 32*0.34*72 + 0.6*72 + around + 16, second},
		"counts":    {7.5*72 + 24, 32*0.25*72 + 0.6*72 + around, first},
		"histogram": {6.5*72 + 24, 3.4*72 + around, first},
		"scatter":   {6*72 + 24, 4.6*72 + around, nil},
	} {
		path := filepath.Join(t.TempDir(), name+".png")
		require.NoError(t, charts(t, names, predicted, truth, residuals, values)[name].WriteFile(path))
		img := decodePNG(t, path)
		// One pixel for how the canvas rounds.
		assert.InDelta(t, float64(want.width*120/72), img.Bounds().Dx(), 1, name)
		assert.InDelta(t, float64(want.height*120/72), img.Bounds().Dy(), 1, name)
		assert.Greater(t, share(img, paper), 0.5, name) // neither full nor blank
		assert.Less(t, share(img, paper), 0.995, name)
		if want.color != nil {
			assert.Greater(t, share(img, want.color), 0.01, name)
		}
	}
}

func TestSVG(t *testing.T) {
	names, predicted, truth, residuals := outputs(32, 50)
	for name, c := range charts(t, names, predicted, truth, residuals, truth[0][:32]) {
		svg, err := c.svg()
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), name+".SVG")
		require.NoError(t, c.WriteFile(path))
		saved, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(saved), string(svg), name)

		_, texts := parse(t, svg)
		wanted := append([]string{"A title"}, map[string][]string{
			"predicted": append([]string{"true", "predicted"}, names...),
			"residuals": append([]string{"predicted − true"}, names...),
			"bars":      append([]string{"RMSE", "network", "constant prediction"}, names...),
			"counts":    append([]string{"files"}, names...),
			"histogram": {"duration (s)", "count"},
			"scatter":   {"valence", "arousal"},
		}[name]...)
		for _, s := range wanted {
			assert.Contains(t, "|"+texts, "|"+s+"|", name)
		}
	}
}

// What is empty, alone, constant, not a number or out of range is drawn all the
// same, and what is left out is counted.
func TestValuesThatCannotBeDrawn(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, list := range map[string][]float64{
		"none":      {},
		"one":       {0.25},
		"zero":      {0, 0, 0},
		"constant":  {3, 3, 3},
		"next":      {1, math.Nextafter(1, 2)},
		"NaN":       {nan, nan},
		"infinite":  {inf, -inf, 1, 2},
		"enormous":  {-math.MaxFloat64, math.MaxFloat64, 0},
		"large":     {-1e30, 1e30},
		"tiny":      {0, 5e-324, 1e-320},
		"very near": {1e30, math.Nextafter(1e30, 0)},
	} {
		one := [][]float64{list}
		for kind, c := range charts(t, []string{"x"}, one, one, one, list) {
			if kind == "bars" || kind == "counts" {
				continue // as many names as values
			}
			svg, err := c.svg()
			require.NoError(t, err, "%s of %s", kind, name)
			_, texts := parse(t, svg)
			assert.NotContains(t, string(svg), "NaN", "%s of %s", kind, name)
			assert.NotContains(t, string(svg), "Inf", "%s of %s", kind, name)
			if name == "none" || name == "NaN" {
				assert.Contains(t, texts, "no values", "%s of %s", kind, name)
			}
			if name == "infinite" {
				assert.Contains(t, texts, "2 values are not finite numbers and are left out.", "%s of %s", kind, name)
			}
			require.NoError(t, c.WriteFile(filepath.Join(t.TempDir(), "x.png")), "%s of %s", kind, name)
		}
		svg := svgOf(t, must(t)(Bars("", make([]string, len(list)), list, list, "")))
		_, texts := parse(t, svg)
		assert.Equal(t, 2*(len(list)-len(finite(list))), strings.Count(texts, "undefined|"), name)
	}
	for kind, c := range charts(t, nil, nil, nil, nil, nil) {
		svg, err := c.svg()
		require.NoError(t, err, kind)
		parse(t, svg)
	}
}

func TestManyOutputsAndSamples(t *testing.T) {
	names, predicted, truth, residuals := outputs(200, 40)
	for kind, first := range map[string]int{"predicted": 64, "residuals": 128, "bars": 128, "counts": 128} {
		svg, err := charts(t, names, predicted, truth, residuals, make([]float64, 200))[kind].svg()
		require.NoError(t, err)
		_, texts := parse(t, svg)
		assert.Contains(t, texts, fmt.Sprintf("The first %d of 200", first), kind)
		assert.Contains(t, texts, fmt.Sprintf("|output %d|", first), kind)
		assert.NotContains(t, texts, fmt.Sprintf("|output %d|", first+1), kind)
	}
	many := make([]float64, 100_000)
	for i := range many {
		many[i] = float64(i)
	}
	svg := svgOf(t, must(t)(Scatter("", "x", "y", many, many)))
	_, texts := parse(t, svg)
	assert.Contains(t, texts, "6000 of 100000 points are drawn, evenly chosen.")
	assert.Less(t, len(svg), 1_000_000)
}

func TestListsThatDoNotFit(t *testing.T) {
	dir := t.TempDir()
	one, two := [][]float64{{1, 2}}, [][]float64{{1, 2}, {3, 4}}
	failed := func(_ *Figure, err error) error { return err }
	assert.EqualError(t, failed(PredictedTrue("title", []string{"a", "b"}, one, two)), "report: title: 2 names for 1 predicted and 2 true outputs")
	assert.ErrorContains(t, failed(PredictedTrue("", []string{"a"}, one, [][]float64{{1}})), `output "a": 2 predicted values for 1 true ones`)
	assert.ErrorContains(t, failed(Residuals("", []string{"a"}, two)), "1 names for the residuals of 2 outputs")
	assert.ErrorContains(t, failed(Bars("", []string{"a"}, []float64{1, 2}, nil, "")), "1 names for 2 values")
	assert.ErrorContains(t, failed(Bars("", []string{"a"}, []float64{1}, []float64{}, "")), "0 of the constant prediction")
	assert.ErrorContains(t, failed(Curve("", []string{"a"}, nil, two, "")), "1 names for 2 curves")
	assert.ErrorContains(t, failed(Curve("", []string{"a"}, nil, one, "")), `"a": 2 values at 0 times`)
	assert.ErrorContains(t, failed(Scatter("", "x", "y", []float64{1}, nil)), `1 values of "x" for 0 of "y"`)
	assert.ErrorContains(t, Histogram("", "", nil).WriteFile(filepath.Join(dir, "a.jpg")), "must end in .png or .svg")
	assert.Error(t, Histogram("", "", nil).WriteFile(filepath.Join(dir, "none", "a.png")))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// Names are text, whatever they hold; a long one is cut, not drawn over others.
func TestHostileNames(t *testing.T) {
	names := []string{`<script>alert("1")</script>`, "a&b;</text>", "nul\x00 bell\a right\u202eto left\n", "\xff\xfe", strings.Repeat("wide ", 1e5), ""}
	values := make([]float64, len(names))
	svg := svgOf(t, must(t)(Bars("<b>", names, values, nil, "&")))
	elements, texts := parse(t, svg)
	for _, e := range elements {
		assert.Contains(t, []string{"svg", "g", "path", "text"}, e.name)
	}
	for _, s := range []string{"<b>", `<script>alert("1")</script>`, "a&b;</text>", "nul bell right to left", "�", "wide wide"} {
		assert.Contains(t, texts, s)
	}
	assert.Contains(t, texts, "…|")
	assert.Less(t, len(texts), 1000)
}
