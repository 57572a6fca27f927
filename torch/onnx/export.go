// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Export writes the network as an ONNX file and returns the differences between ONNX
// Runtime and libtorch on it. The network is in evaluation mode meanwhile, so nothing
// else may use it then.
//
// The file gets its name when everything has succeeded, and replaces a file of that
// name. Export fails if the network calls an operator that cannot be lowered, which
// the error names, if a number depends on the batch in a way that a file cannot
// express, and if the difference is above the tolerance.
func Export(path string, model nn.Module, s Signature) (*Check, error) {
	check, err := export(path, model, s)
	if err != nil {
		return nil, fmt.Errorf("onnx: export to %s: %w", path, err)
	}
	return check, nil
}

func export(path string, model nn.Module, s Signature) (*Check, error) {
	if err := torch.Init(); err != nil {
		return nil, err
	}
	if model == nil {
		return nil, errors.New("the network is nil")
	}
	var check *Check
	var err error
	tried := torch.Try(func() {
		if s, err = s.complete(); err == nil {
			nn.Evaluating(model, func() { check, err = s.export(path, model) })
		}
	})
	return check, errors.Join(tried, err)
}

// export writes a network that is in evaluation mode.
func (s Signature) export(path string, model nn.Module) (*Check, error) {
	file, err := build(model, &s)
	if err != nil {
		return nil, err
	}
	check := &Check{}
	if !s.SkipCheck {
		if check, err = compare(file.Marshal(), model, &s); err != nil {
			return nil, err
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s.Metadata)) {
		file.Metadata = append(file.Metadata, pb.Entry{Key: k, Value: s.Metadata[k]})
	}
	if !s.SkipCheck {
		file.Metadata = append(file.Metadata, pb.Entry{Key: checkKey, Value: check.json()})
	}
	text := file.Marshal()
	if len(text) > maxFile {
		return nil, fmt.Errorf("the file would have %d bytes; an ONNX file has less than 2 GiB", len(text))
	}
	write := func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}
	return check, wholefile.Check(path, write, func(temp string) error {
		if s.SkipCheck {
			return nil
		}
		sess, err := Open(temp)
		if err == nil {
			sess.Close()
		}
		return err
	})
}

// build traces and lowers the network.
func build(model nn.Module, s *Signature) (file *pb.Model, err error) {
	var traces [len(traceSizes)]*torch.Graph
	defer func() {
		for _, g := range traces {
			if g != nil {
				for _, t := range g.Captured {
					t.Close()
				}
			}
		}
	}()
	err = scoped(func() {
		for k, n := range traceSizes {
			if e := torch.Try(func() { traces[k] = trace(model, s, n) }); e != nil {
				fail.With("the network cannot run on a batch of %d: %w", n, e)
			}
		}
		var state []named
		for _, n := range nn.NamedTensors(model) {
			state = append(state, named{n.Name, n.Tensor.Detach()})
		}
		file = &pb.Model{
			IRVersion: irVersion(s.Opset), ProducerName: "etude", Graph: fail.Or(lower(traces, state, s)),
			OpsetImport: []pb.Opset{{Version: int64(s.Opset)}},
		}
	})
	return file, err
}

// trace runs the network on n samples, taken from the example in turn.
func trace(model nn.Module, s *Signature, n int) *torch.Graph {
	x := s.samples(n)
	return torch.Trace(func(in []*torch.Tensor) []*torch.Tensor {
		return []*torch.Tensor{model.Forward(in[0])}
	}, x)
}
