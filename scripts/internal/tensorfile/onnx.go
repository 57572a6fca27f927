// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/onnx"
)

// inspectONNX describes a model: the tensors are its weights, and the values are its
// versions, inputs, outputs and operators.
func inspectONNX(path string) (*inspect.Info, *weights, error) {
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
	w := &weights{model: m, tensors: map[string]onnx.Tensor{}, converted: map[string][]byte{}}
	for _, t := range m.Tensors {
		described, err := w.describe(t)
		if err != nil {
			w.notes = append(w.notes, err.Error())
		}
		info.Tensors = append(info.Tensors, described)
		w.tensors[t.Name] = t
	}
	return info, w, nil
}

// weights is the source of a model's elements.
type weights struct {
	model     *onnx.Model
	tensors   map[string]onnx.Tensor
	converted map[string][]byte // elements in another layout than the file's
	notes     []string          // why elements could not be read
}

// describe hashes the elements of t. Its hash is empty where it fails.
func (w *weights) describe(t onnx.Tensor) (inspect.Tensor, error) {
	d := inspect.Dense(t.Name, t.DType, t.Shape)
	h := sha256.New()
	if t.DType == "string" && t.External == nil {
		for _, s := range t.Strings {
			fmt.Fprintf(h, "%d:%s", len(s), s)
			d.Bytes += int64(len(s))
		}
	} else {
		r, n, err := w.model.Elements(t)
		if err != nil {
			return d, err
		}
		defer r.Close()
		if _, err := io.Copy(h, r); err != nil {
			return d, fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		d.Bytes = n
	}
	d.SHA256 = hex.EncodeToString(h.Sum(nil))
	return d, nil
}

func texts(values []onnx.Value) []any {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v.String()
	}
	return list
}

// maxElements bounds the elements of one tensor that are read into memory.
const maxElements = 1 << 31

func (w *weights) elements(name string) ([]byte, error) {
	if raw, ok := w.converted[name]; ok {
		return raw, nil
	}
	t, ok := w.tensors[name]
	if !ok {
		return nil, fmt.Errorf("tensor %s was not found", name)
	}
	if t.Data != nil {
		return t.Data, nil
	}
	r, n, err := w.model.Elements(t)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if n > maxElements {
		return nil, fmt.Errorf("tensor %s: %d bytes are too many to compare one by one", name, n)
	}
	raw := make([]byte, n)
	_, err = io.ReadFull(r, raw)
	return raw, err
}
