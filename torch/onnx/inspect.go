// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
	"github.com/etude-ml/etude/torch/wholefile"
)

// maxFile is protobuf's own limit.
const maxFile = 1<<31 - 1

// Inspect reads an ONNX file, of whatever origin, without running it.
func Inspect(path string) (*Model, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	m, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, err)
	}
	m.folder = filepath.Dir(path)
	return m, nil
}

// mostHoles is how many bytes of holes a file may have that is read into memory.
const mostHoles = 64 << 20

func readFile(path string) ([]byte, error) {
	f, size, err := wholefile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, err)
	}
	defer f.Close()
	if size > maxFile {
		return nil, fmt.Errorf("onnx: %s: %d bytes; an ONNX file has less than 2 GiB", path, size)
	}
	if err := wholefile.CheckWritten(f, mostHoles); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, err)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", path, err)
	}
	return data, nil
}

// decode reads a file's bytes. Tensors may share them.
func decode(data []byte) (*Model, error) {
	p, err := pb.Unmarshal(data)
	if err != nil {
		if what := inspect.OtherFile(data[:min(len(data), 512)]); what != "" {
			return nil, errors.New(what)
		}
		return nil, err
	}
	m := &Model{
		IRVersion: int(p.IRVersion), Producer: p.ProducerName, Metadata: entries(p.Metadata),
		file: p, listed: map[*pb.Tensor]string{},
	}
	for _, o := range p.OpsetImport {
		if o.Domain == "" || o.Domain == "ai.onnx" {
			m.Opset = int(o.Version)
		}
	}
	weights := map[string]bool{}
	for _, t := range p.Graph.Initializers {
		weights[t.Name] = true
	}
	m.list(p)
	for _, v := range p.Graph.Inputs {
		if !weights[v.Name] { // before IR 4, initializers are inputs too
			m.Inputs = append(m.Inputs, valueOf(v))
		}
	}
	m.Outputs = collect(p.Graph.Outputs, valueOf)
	m.Nodes = collect(p.Graph.Nodes, func(n *pb.Node) Node {
		node := Node{Name: n.Name, Op: n.OpType, Domain: n.Domain, Inputs: n.Inputs, Outputs: n.Outputs}
		if n.Metadata != nil {
			node.Metadata = entries(n.Metadata)
		}
		return node
	})
	return m, nil
}
