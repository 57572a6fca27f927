// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Network is a file's network and its state: what its recurrent and convolutional layers
// remember. It computes in float64 and without libtorch. One goroutine may use it at a time.
type Network struct {
	In, Out  int               // features of a frame
	Metadata map[string]string // [Signature].Metadata

	stages []stage
}

// Open reads a file of RTNeural, or in the dialect [Kelly]. It accepts the layers that the
// package doc lists.
func Open(path string) (*Network, error) {
	f, _, err := wholefile.Open(path)
	var text []byte
	if err == nil {
		defer f.Close()
		text, err = io.ReadAll(f)
	}
	var n *Network
	if err == nil {
		n, err = parse(text)
	}
	if err != nil {
		return nil, fmt.Errorf("rtneural: %s: %w", path, err)
	}
	return n, nil
}

// Reset forgets all frames before.
func (n *Network) Reset() {
	for _, s := range n.stages {
		if s.reset != nil {
			s.reset()
		}
	}
}

// Forward returns the network's Out numbers for a frame of In numbers. It panics with a
// [*torch.Error] for a frame of another length.
func (n *Network) Forward(frame []float64) []float64 {
	if len(frame) != n.In {
		panic(&torch.Error{Op: "rtneural.Network.Forward", Shapes: [][]int{{len(frame)}}, Message: fmt.Sprintf("a frame has %d numbers", n.In)})
	}
	for _, s := range n.stages {
		frame = s.forward(frame)
	}
	return frame
}

func parse(text []byte) (n *Network, err error) {
	err = fail.Catch(func() {
		var f file
		var k kellyFile
		if err := json.Unmarshal(text, &k); k.InputSize > 0 {
			fail.On(err)
			f = k.standard()
		} else {
			fail.On(json.Unmarshal(text, &f))
		}
		n = &Network{In: features(f.InShape, "in_shape"), Metadata: f.Metadata}
		n.Out = n.In
		for i := range f.Layers {
			if err := fail.Catch(func() { n.read(&f.Layers[i]) }); err != nil {
				fail.With("layer %d (%s): %w", i, fail.Clip(f.Layers[i].Type), err)
			}
		}
	})
	return n, err
}

// read adds a layer that takes Out numbers.
func (n *Network) read(l *layer) {
	in, out := n.Out, features(l.Shape, "shape")
	r := reader{l}
	kinds := map[string]func(in, out int) stage{
		"dense": r.dense, "time-distributed-dense": r.dense, "conv1d": r.conv1d, "batchnorm": r.batchNorm,
		"lstm": r.lstm, "gru": r.gru, "prelu": r.prelu,
	}
	if kind := kinds[l.Type]; kind != nil {
		n.stages = append(n.stages, kind(in, out))
	} else if l.Type != "activation" {
		fail.With("it has no known type")
	}
	if slices.Contains([]string{"activation", "batchnorm", "prelu"}, l.Type) && in != out {
		fail.With("it takes %d numbers and its shape says %d", in, out)
	}
	if l.Activation != "" {
		f := activations[l.Activation]
		if f == nil || slices.Contains([]string{"lstm", "gru", "prelu", "batchnorm"}, l.Type) {
			fail.With("the activation %q is not known, or RTNeural would ignore it", fail.Clip(l.Activation))
		}
		n.stages = append(n.stages, stage{forward: f})
	}
	n.Out = out
}
