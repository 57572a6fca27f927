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

// chart is a figure in both of its ways.
type chart struct {
	save func(path string) error
	svg  func() ([]byte, error)
}

// charts draws everything from the same samples.
func charts(names []string, predicted, truth, residuals [][]float64, values []float64) map[string]chart {
	const title = "A title"
	return map[string]chart{
		"predicted": {
			func(path string) error { return PredictedTrue(path, title, names, predicted, truth) },
			func() ([]byte, error) { return PredictedTrueSVG(title, names, predicted, truth) },
		},
		"residuals": {
			func(path string) error { return Residuals(path, title, names, residuals) },
			func() ([]byte, error) { return ResidualsSVG(title, names, residuals) },
		},
		"bars": {
			func(path string) error { return Bars(path, title, names, values, values, "RMSE") },
			func() ([]byte, error) { return BarsSVG(title, names, values, values, "RMSE") },
		},
		"counts": {
			func(path string) error { return Bars(path, title, names, values, nil, "files") },
			func() ([]byte, error) { return BarsSVG(title, names, values, nil, "files") },
		},
		"histogram": {
			func(path string) error { return Histogram(path, title, "duration (s)", values, 12) },
			func() ([]byte, error) { return HistogramSVG(title, "duration (s)", values, 12) },
		},
		"scatter": {
			func(path string) error { return Scatter(path, title, "valence", "arousal", values, values) },
			func() ([]byte, error) { return ScatterSVG(title, "valence", "arousal", values, values) },
		},
	}
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
		require.NoError(t, charts(names, predicted, truth, residuals, values)[name].save(path))
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
	for name, c := range charts(names, predicted, truth, residuals, truth[0][:32]) {
		svg, err := c.svg()
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), name+".SVG")
		require.NoError(t, c.save(path))
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
		for kind, c := range charts([]string{"x"}, one, one, one, list) {
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
			require.NoError(t, c.save(filepath.Join(t.TempDir(), "x.png")), "%s of %s", kind, name)
		}
		svg, err := BarsSVG("", make([]string, len(list)), list, list, "")
		require.NoError(t, err, name)
		_, texts := parse(t, svg)
		assert.Equal(t, 2*(len(list)-len(finite(list))), strings.Count(texts, "undefined|"), name)
	}
	for kind, c := range charts(nil, nil, nil, nil, nil) {
		svg, err := c.svg()
		require.NoError(t, err, kind)
		parse(t, svg)
	}
}

func TestManyOutputsAndSamples(t *testing.T) {
	names, predicted, truth, residuals := outputs(200, 40)
	for kind, first := range map[string]int{"predicted": 64, "residuals": 128, "bars": 128, "counts": 128} {
		svg, err := charts(names, predicted, truth, residuals, make([]float64, 200))[kind].svg()
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
	svg, err := ScatterSVG("", "x", "y", many, many)
	require.NoError(t, err)
	_, texts := parse(t, svg)
	assert.Contains(t, texts, "6000 of 100000 points are drawn, evenly chosen.")
	assert.Less(t, len(svg), 1_000_000)
}

func TestListsThatDoNotFit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.png")
	one, two := [][]float64{{1, 2}}, [][]float64{{1, 2}, {3, 4}}
	assert.ErrorContains(t, PredictedTrue(path, "", []string{"a", "b"}, one, two), path+": 2 names for 1 predicted and 2 true outputs")
	assert.ErrorContains(t, PredictedTrue(path, "", []string{"a"}, one, [][]float64{{1}}), `output "a": 2 predicted values for 1 true ones`)
	assert.ErrorContains(t, Residuals(path, "", []string{"a"}, two), "1 names for the residuals of 2 outputs")
	assert.ErrorContains(t, Bars(path, "", []string{"a"}, []float64{1, 2}, nil, ""), "1 names for 2 values")
	assert.ErrorContains(t, Bars(path, "", []string{"a"}, []float64{1}, []float64{}, ""), "0 of the constant prediction")
	assert.ErrorContains(t, Scatter(path, "", "x", "y", []float64{1}, nil), `1 values of "x" for 0 of "y"`)
	assert.ErrorContains(t, Histogram(filepath.Join(dir, "a.jpg"), "", "", nil, 0), "must end in .png or .svg")
	assert.Error(t, Histogram(filepath.Join(dir, "none", "a.png"), "", "", nil, 0))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

// Names are text, whatever they hold; a long one is cut, not drawn over others.
func TestHostileNames(t *testing.T) {
	names := []string{`<script>alert("1")</script>`, "a&b;</text>", "nul\x00 bell\a right\u202eto left\n", "\xff\xfe", strings.Repeat("wide ", 1e5), ""}
	values := make([]float64, len(names))
	svg, err := BarsSVG("<b>", names, values, nil, "&")
	require.NoError(t, err)
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
