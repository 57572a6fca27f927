// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Signature says what a network is exported with.
type Signature struct {
	// Example is an input. Its numbers span what inputs can be: the check draws others
	// between the least and the largest.
	Example *torch.Tensor
	// Layout names the example's dimensions: batch N, frames L, features C. Empty stands for
	// "NC", where each row is a stream of one frame, or "NLC", what a recurrent layer with
	// BatchFirst takes, by the number of dimensions. A convolution takes "NCL".
	Layout string
	// Tolerance is the largest difference to libtorch that the check allows, as a share of
	// the largest output or of 1, whichever is larger. 0 stands for 1e-6.
	Tolerance float64
	// Metadata stands in the file as "metadata"; RTNeural does not read it.
	Metadata map[string]string
	// Dialect is empty for RTNeural's own form, or [Kelly].
	Dialect string
}

// Check says how the exported file and libtorch compare.
type Check struct {
	MaxAbsDiff, Tolerance float64
	// Frames is the number of frames that were compared.
	Frames int
	// Warmup is the number of RTNeural's results after a reset to leave out: the first
	// result of the network is RTNeural's number Warmup, counted from 0.
	Warmup int
	// Reset says that the network sees each input as a sequence of one step: in RTNeural,
	// reset() must be called before each frame. Without, the frames are one sequence.
	Reset bool
}

// Export writes the network as a JSON file that RTNeural loads. The network is in
// evaluation mode meanwhile, so nothing else may use it then.
//
// The file gets its name when everything has succeeded, and replaces a file of that name.
// Export fails if the network is not a chain, if RTNeural has no layer for an operator,
// which the error names, and if the difference is above the tolerance.
func Export(path string, model nn.Module, s Signature) (check *Check, err error) {
	defer func() {
		if err != nil {
			check, err = nil, fmt.Errorf("rtneural: export to %s: %w", path, err)
		}
	}()
	if err := torch.Init(); err != nil {
		return nil, err
	}
	if model == nil || s.Example == nil {
		return nil, fmt.Errorf("the network or Signature.Example is nil")
	}
	var text []byte
	err = fail.Catch(func() {
		fail.On(torch.Try(func() {
			nn.Evaluating(model, func() { torch.NoGrad(func() { torch.Scope(func() { text, check = export(model, s) }) }) })
		}))
	})
	if err != nil {
		return nil, err
	}
	return check, wholefile.Write(path, text)
}

// export returns the content of the file.
func export(model nn.Module, s Signature) ([]byte, *Check) {
	dims := s.Example.Dim()
	axes := s.Layout
	if axes == "" && (dims == 2 || dims == 3) {
		axes = []string{"NC", "NLC"}[dims-2]
	}
	if len(axes) != dims || !slices.Contains([]string{"C", "CL", "LC", "NC", "LNC", "NCL", "NLC"}, axes) {
		fail.With("Signature.Layout is %q for an example of %d dimensions; it names each of them: N, L or C", s.Layout, dims)
	}
	forward := func(in []*torch.Tensor) []*torch.Tensor { return []*torch.Tensor{model.Forward(in[0])} }
	g := torch.Trace(forward, s.Example)
	defer g.Close()
	c := newChain(g, axes)
	f := file{frames(s.Example.Size(strings.IndexByte(axes, 'C'))), c.layers, s.Metadata}
	content := any(f)
	switch s.Dialect {
	case "":
	case Kelly:
		count := 0
		for _, p := range nn.Parameters(model) {
			count += p.Numel()
		}
		content = f.kelly(count)
	default:
		fail.With("Signature.Dialect is %q; there are %q and the empty one", s.Dialect, Kelly)
	}
	text := fail.Or(json.Marshal(content))
	net := fail.Or(parse(text))
	check := &Check{Tolerance: cmp.Or(s.Tolerance, 1e-6), Warmup: c.warmup, Reset: c.single}
	for _, x := range []*torch.Tensor{s.Example, drawn(s.Example, axes)} {
		check.compare(net, streams(x, axes), streams(model.Forward(x), c.axes))
	}
	return text, check
}

// drawn returns an input of more streams and frames than the example.
func drawn(example *torch.Tensor, axes string) (x *torch.Tensor) {
	shape := example.Shape()
	for i, axis := range axes {
		switch axis {
		case 'N':
			shape[i] += 6
		case 'L':
			shape[i] += 50
		}
	}
	low, high := example.Min().Item(), example.Max().Item()
	torch.ForkRNG(func() {
		torch.ManualSeed(1)
		x = torch.Rand(shape, torch.Options{DType: example.DType(), Device: example.Device()}).MulScalar(high - low).AddScalar(low)
	})
	return x
}

// streams returns the numbers of a tensor with the dimensions axes by batch, frame and
// feature.
func streams(t *torch.Tensor, axes string) [][][]float64 {
	var order []int
	size := []int{1, 1, 1}
	for i, axis := range "NLC" {
		if at := strings.IndexRune(axes, axis); at >= 0 {
			order, size[i] = append(order, at), t.Size(at)
		}
	}
	flat := t.Permute(order...).Float64s()
	all := make([][][]float64, size[0])
	for n := range all {
		for range size[1] {
			all[n] = append(all[n], flat[:size[2]])
			flat = flat[size[2]:]
		}
	}
	return all
}

// compare runs the streams x through the file's network and compares with libtorch's.
func (c *Check) compare(net *Network, x, want [][][]float64) {
	largest, difference := 1.0, 0.0
	for n := range x {
		if have := len(x[n]) - c.Warmup; len(want) != len(x) || len(want[n]) != have {
			fail.With("libtorch has %d frames for %d; %d are expected", len(want[n]), len(x[n]), have)
		}
		net.Reset()
		for i, frame := range x[n] {
			y := net.Forward(frame)
			if i < c.Warmup {
				continue
			}
			c.Frames++
			for k, v := range want[n][i-c.Warmup] {
				largest = max(largest, math.Abs(v))
				difference = max(difference, math.Abs(v-y[k])) // NaN if one of them is
			}
		}
	}
	c.MaxAbsDiff = max(c.MaxAbsDiff, difference)
	if !(difference <= c.Tolerance*largest) {
		fail.With("the file's network and libtorch differ by %g; %g is allowed", difference, c.Tolerance*largest)
	}
}
