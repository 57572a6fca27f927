// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/etude-ml/etude/trainer/figure"
)

// The plot's measures: 1320 by 960 pixels, and 480 for every further row.
const (
	plotWidth  = 11 * vg.Inch
	plotHeight = 8 * vg.Inch // of two rows
)

// plotDPI is a variable for the tests under the race detector, where a plot of
// this many dots takes a second.
var plotDPI = 120

// Plot draws the history as a PNG: losses, accuracies (without classes how far
// validation is above training), the time of each epoch, losses over time, and each value
// of Epoch.More. The best epoch is marked. Epochs count from 1 here.
func (h *History) Plot(path string) error {
	if len(h.Epochs) == 0 {
		return fmt.Errorf("trainer: plot %s: the history has no epochs", path)
	}
	all := append([]*plot.Plot{h.lossPanel(), h.accuracyPanel(), h.timePanel(), h.lossOverTimePanel()}, h.morePanels()...)
	if len(all)%2 == 1 {
		all = append(all, nil)
	}
	return writePlot(path, slices.Collect(slices.Chunk(all, 2)))
}

// writePlot writes rows of panels, each as wide as half a history's plot, as a PNG. A nil
// panel stays empty.
func writePlot(path string, panels [][]*plot.Plot) error {
	columns := len(panels[0])
	size := vgimg.UseWH(plotWidth/2*vg.Length(columns), plotHeight/2*vg.Length(len(panels)))
	img := vgimg.NewWith(size, vgimg.UseDPI(plotDPI), vgimg.UseBackgroundColor(color.White))
	tiles := draw.Tiles{
		Rows: len(panels), Cols: columns, PadX: vg.Points(22), PadY: vg.Points(20),
		PadTop: vg.Points(14), PadBottom: vg.Points(12), PadLeft: vg.Points(12), PadRight: vg.Points(18),
	}
	canvases := plot.Align(panels, tiles, draw.New(img))
	for i, row := range panels {
		for j, p := range row {
			if p != nil {
				p.Draw(canvases[i][j])
			}
		}
	}
	var file bytes.Buffer
	// Pictures of lines are small all the same, and a sweep draws one for each run.
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&file, img.Image()); err != nil {
		return fmt.Errorf("trainer: plot %s: %w", path, err)
	}
	return writeFile(path, file.Bytes())
}

// panel is a plot under construction, with the range of what it shows.
type panel struct {
	*plot.Plot
	lo, hi float64
	marked plotter.XYs // a dashed line leads down from it; or nil
}

func newPanel(title, x, y string) *panel {
	p := &panel{Plot: figure.New(x, y, 11, 10), lo: math.Inf(1), hi: math.Inf(-1)}
	p.Title.Text, p.Title.Padding = title, vg.Points(8)
	p.Title.TextStyle.Font.Size = vg.Points(14)
	p.Title.TextStyle.Font.Weight = 3 // bold
	p.Legend.TextStyle.Font.Size = vg.Points(10)
	p.Legend.Top, p.Legend.Padding = true, vg.Points(3)
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(-6), vg.Points(-4)
	p.Legend.ThumbnailWidth = vg.Points(22)
	p.Title.TextStyle.Color, p.Legend.TextStyle.Color = figure.Ink, figure.Ink
	p.Title.TextStyle.Font.Variant, p.Legend.TextStyle.Font.Variant = "Sans", "Sans"
	return p
}

// line adds the finite points of ys over xs.
func (p *panel) line(name string, c color.Color, xs, ys []float64) {
	var points plotter.XYs
	for i, y := range ys {
		if isFinite(y) && isFinite(xs[i]) {
			points = append(points, plotter.XY{X: xs[i], Y: y})
			p.lo, p.hi = min(p.lo, y), max(p.hi, y)
		}
	}
	if points == nil {
		return
	}
	l, err := plotter.NewLine(points)
	if err != nil {
		return // only for NaN and for no points
	}
	l.Color, l.Width = c, vg.Points(1.8)
	p.Add(l)
	if len(points) <= 20 { // so that one epoch shows at all
		p.dots(points, c, vg.Points(2.4))
	}
	if name != "" {
		p.Legend.Add(name, l)
	}
}

func (p *panel) dots(points plotter.XYs, c color.Color, radius vg.Length) *plotter.Scatter {
	s, err := plotter.NewScatter(points)
	if err != nil {
		return nil
	}
	s.Color, s.Radius, s.Shape = c, radius, draw.CircleGlyph{}
	p.Add(s)
	return s
}

// mark shows the best epoch at x, y.
func (p *panel) mark(name string, x, y float64) {
	if !isFinite(x) || !isFinite(y) {
		return
	}
	if p.Legend.Top { // where the legend is not in the way
		p.marked = plotter.XYs{{X: x, Y: y}}
	}
	s := p.dots(plotter.XYs{{X: x, Y: y}}, figure.Green, vg.Points(4.5))
	if s != nil && name != "" {
		p.Legend.Add(name, s)
	}
}

// finish sets the ranges: room above and below, whole epochs, a logarithmic
// scale where losses fall to a fiftieth and stay positive.
func (p *panel) finish(x0, x1 float64, allowLog bool) *plot.Plot {
	if p.lo > p.hi {
		p.lo, p.hi = 0, 1
	}
	if room := math.Pow(p.hi/p.lo, 0.06); allowLog && p.hi/p.lo >= 50 && p.lo/room > 0 && isFinite(p.hi*room) {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, figure.LogTicks{}
		p.Y.Min, p.Y.Max = p.lo/room, p.hi*room
	} else {
		room := (p.hi - p.lo) * 0.06
		if room == 0 {
			room = max(math.Abs(p.hi)*0.1, 1e-9)
		}
		p.Y.Min, p.Y.Max = p.lo-room, p.hi+room
	}
	p.X.Min, p.X.Max = x0, x1
	if p.marked != nil {
		style := draw.LineStyle{Color: figure.Green, Width: vg.Points(0.8), Dashes: []vg.Length{vg.Points(4), vg.Points(3)}}
		p.Add(&plotter.Line{XYs: append(p.marked, plotter.XY{X: p.marked[0].X, Y: p.Y.Min}), LineStyle: style})
	}
	return p.Plot
}

// epochs returns the positions 1, 2, … of the epochs.
func (h *History) epochs() []float64 {
	xs := make([]float64, len(h.Epochs))
	for i := range xs {
		xs[i] = float64(i + 1)
	}
	return xs
}

func (h *History) bestName() string { return fmt.Sprintf("best: epoch %d", h.BestEpoch+1) }

func (h *History) byEpoch(p *panel, allowLog bool) *plot.Plot {
	p.X.Tick.Marker = figure.WholeTicks{}
	n := float64(len(h.Epochs))
	return p.finish(1-max(0.02*n, 0.2), n+max(0.02*n, 0.2), allowLog)
}

func (h *History) lossPanel() *plot.Plot {
	p := newPanel("Loss", "epoch", "loss")
	p.line("training", figure.Blue, h.epochs(), h.list("train_losses"))
	p.line("validation", figure.Vermilion, h.epochs(), h.list("val_losses"))
	p.mark(h.bestName(), float64(h.BestEpoch+1), h.Best().Watched())
	return h.byEpoch(p, true)
}

func (h *History) accuracyPanel() *plot.Plot {
	xs, best := h.epochs(), h.Best()
	x := float64(h.BestEpoch + 1)
	var p *panel
	switch {
	case h.list("train_accs") != nil || h.list("val_accs") != nil:
		p = newPanel("Accuracy", "epoch", "share of right answers")
		p.Legend.Top, p.Legend.YOffs = false, vg.Points(6)
		p.line("training", figure.Blue, xs, h.list("train_accs"))
		p.line("validation", figure.Vermilion, xs, h.list("val_accs"))
		y := best.ValAcc
		if math.IsNaN(y) {
			y = best.TrainAcc
		}
		p.mark(h.bestName(), x, y)
	case h.list("val_losses") != nil:
		p = newPanel("Validation loss less training loss", "epoch", "difference of losses")
		gap := make([]float64, len(h.Epochs))
		for i := range gap {
			gap[i] = h.Epochs[i].ValLoss - h.Epochs[i].TrainLoss
		}
		zero := plotter.NewFunction(func(float64) float64 { return 0 })
		zero.Color, zero.Width = color.Gray{0x90}, vg.Points(1)
		p.Add(zero)
		p.lo, p.hi = 0, 0
		p.line("", figure.Vermilion, xs, gap)
		p.mark("", x, best.ValLoss-best.TrainLoss)
	default:
		p = newPanel("Learning rate", "epoch", "learning rate")
		p.line("", figure.Blue, xs, h.list("learning_rates"))
	}
	return h.byEpoch(p, false)
}

// morePanels draws the values of Epoch.More, a name's of training and of validation in one.
func (h *History) morePanels() (panels []*plot.Plot) {
	more := h.more()
	names := map[string]bool{}
	for name := range more {
		names[strings.TrimPrefix(name, valPrefix)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p := newPanel(name, "epoch", name)
		p.line("training", figure.Blue, h.epochs(), more[name])
		p.line("validation", figure.Vermilion, h.epochs(), more[valPrefix+name])
		watched := valPrefix + name
		if more[watched] == nil {
			watched = name
		}
		if ys := more[watched]; ys[len(ys)-1] > ys[0] { // where the curve is not
			p.Legend.Top, p.Legend.YOffs = false, vg.Points(6)
		}
		if y, ok := h.Best().More[watched]; ok {
			p.mark(h.bestName(), float64(h.BestEpoch+1), y)
		}
		panels = append(panels, h.byEpoch(p, false))
	}
	return panels
}

func (h *History) timePanel() *plot.Plot {
	p := newPanel("Time of an epoch", "epoch", "seconds")
	p.lo, p.hi = 0, 0
	p.line("", figure.Blue, h.epochs(), h.list("epoch_times"))
	plt := h.byEpoch(p, false)
	p.Y.Min = 0
	return plt
}

func (h *History) lossOverTimePanel() *plot.Plot {
	p := newPanel("Loss over time", "seconds", "loss")
	xs, sum := make([]float64, len(h.Epochs)), 0.0
	for i := range xs {
		if t := h.Epochs[i].Seconds; isFinite(t) {
			sum += t
		}
		xs[i] = sum
	}
	p.line("training", figure.Blue, xs, h.list("train_losses"))
	p.line("validation", figure.Vermilion, xs, h.list("val_losses"))
	if h.BestEpoch >= 0 {
		p.mark(h.bestName(), xs[h.BestEpoch], h.Best().Watched())
	}
	if sum == 0 {
		sum = 1
	}
	return p.finish(0, sum*1.02, true)
}
