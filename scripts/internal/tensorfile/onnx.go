// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/onnx"
)

// inspectONNX describes a model: its weights are the tensors, what else it says
// of itself the values.
func inspectONNX(path string) (*inspect.Info, source, error) {
	m, err := onnx.Inspect(path)
	if err != nil {
		return nil, nil, err
	}
	operators := map[string]int{}
	for _, n := range m.Nodes {
		operators[n.Op]++
	}
	var counts []any
	for _, op := range slices.Sorted(maps.Keys(operators)) {
		counts = append(counts, fmt.Sprintf("%s × %d", op, operators[op]))
	}
	info := &inspect.Info{
		Format: "onnx", Tensors: []inspect.Tensor{}, Metadata: m.Metadata,
		Values: inspect.Values{
			{Name: "ir_version", Value: m.IRVersion}, {Name: "opset", Value: m.Opset}, {Name: "producer", Value: m.Producer},
			{Name: "inputs", Value: texts(m.Inputs)}, {Name: "outputs", Value: texts(m.Outputs)},
			{Name: "operators", Value: counts},
		},
	}
	held := held{}
	for _, t := range m.Tensors {
		described, raw := describe(t.Name, t.DType, t.Shape, t.Data), t.Data
		if raw == nil { // strings, or in another file
			described.SHA256, described.Bytes = "", 0
		}
		info.Tensors = append(info.Tensors, described)
		held[t.Name] = raw
	}
	return info, held, nil
}

func texts(values []onnx.Value) []any {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v.String()
	}
	return list
}

func describe(name, dtype string, shape []int, raw []byte) inspect.Tensor {
	sum := sha256.Sum256(raw)
	strides, step := make([]int, len(shape)), 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = step
		step *= max(shape[i], 1)
	}
	return inspect.Tensor{
		Name: name, DType: dtype, Shape: shape, Strides: strides, Bytes: int64(len(raw)), SHA256: hex.EncodeToString(sum[:]),
	}
}

// held is a source of elements that are in memory.
type held map[string][]byte

func (s held) elements(name string) ([]byte, error) {
	raw, ok := s[name]
	if !ok || raw == nil {
		return nil, fmt.Errorf("tensor %s has no elements in this file", name)
	}
	return raw, nil
}

func (held) close() {}

// asPyTorch gives a model's LSTM weights the names and the layout that a state
// dict has them with: W [directions, 4·hidden, in], R and B, gates i, o, f, c,
// become weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0, gates i, f, c, o.
func (f *File) asPyTorch() *File {
	raw, ok := f.source.(held)
	if !ok || f.Format != "onnx" {
		return f
	}
	info := *f.Info
	info.Tensors = nil
	found := held{}
	for _, t := range f.Tensors {
		parts := lstmParts(t)
		if parts == nil || raw[t.Name] == nil {
			info.Tensors = append(info.Tensors, t)
			found[t.Name] = raw[t.Name]
			continue
		}
		size := int(t.Bytes) / len(parts)
		for i, name := range parts {
			content := reorderGates(raw[t.Name][i*size : (i+1)*size])
			shape := []int{t.Shape[1]}
			if strings.Contains(name, "weight_") {
				shape = []int{t.Shape[1], t.Shape[2]}
			} else {
				shape[0] /= 2
			}
			info.Tensors = append(info.Tensors, describe(name, t.DType, shape, content))
			found[name] = content
		}
	}
	return &File{Path: f.Path, Bytes: f.Bytes, Info: &info, source: found}
}

// lstmParts names, in order, what a tensor called lstm.W, lstm.R or lstm.B, with
// _l1 and so on for further layers, is made of; nil for any other tensor.
func lstmParts(t inspect.Tensor) (names []string) {
	prefix, base := "", t.Name
	if i := strings.LastIndexByte(t.Name, '.'); i >= 0 {
		prefix, base = t.Name[:i+1], t.Name[i+1:]
	}
	base, layer, ok := strings.Cut(base, "_l")
	if !ok {
		layer = "0"
	}
	kinds, dims := map[string][]string{"W": {"weight_ih"}, "R": {"weight_hh"}, "B": {"bias_ih", "bias_hh"}}[base], 3
	if base == "B" {
		dims = 2
	}
	if kinds == nil || len(t.Shape) != dims || t.Shape[0] < 1 || t.Shape[0] > 2 || t.Shape[1]%(4*len(kinds)) != 0 || t.DType != torch.Float32.String() {
		return nil
	}
	for direction := range t.Shape[0] {
		for _, kind := range kinds {
			names = append(names, prefix+kind+"_l"+layer+[]string{"", "_reverse"}[direction])
		}
	}
	return names
}

// reorderGates turns four blocks from ONNX's order i, o, f, c into PyTorch's
// i, f, c, o.
func reorderGates(raw []byte) []byte {
	n := len(raw) / 4
	out := make([]byte, 0, len(raw))
	for _, gate := range []int{0, 2, 3, 1} {
		out = append(out, raw[gate*n:(gate+1)*n]...)
	}
	return out
}
