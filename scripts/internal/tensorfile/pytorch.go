// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/onnx"
)

// asPyTorch returns a model's weights with the names and the layout of a state dict,
// where this exporter or PyTorch's own have changed them:
//
//   - W [directions, 4·hidden, in], R and B of an LSTM, gates i, o, f, c, become
//     weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0, gates i, f, c, o;
//   - the matrix that PyTorch transposes for MatMul becomes a linear layer's weight.
func (f *File) asPyTorch() *File {
	w := f.weights
	if w == nil {
		return f
	}
	parts := map[string][]inspect.Tensor{} // the tensors that replace one of the file
	as := &weights{model: w.model, tensors: w.tensors, converted: map[string][]byte{}, notes: w.notes}
	layers := map[string]int{}
	for _, n := range w.model.Nodes {
		switch {
		case n.Op == "LSTM" && n.Domain == "" && len(n.Inputs) > 2 && parts[n.Inputs[1]] == nil:
			layer := layers[module(n)]
			layers[module(n)]++
			as.lstm(n, layer, parts)
		case n.Op == "MatMul" && n.Domain == "" && len(n.Inputs) > 1 && module(n) != "" && madeUp(n.Inputs[1]) && parts[n.Inputs[1]] == nil:
			as.linear(n, parts)
		}
	}
	info := *f.Info
	info.Tensors = nil
	for _, t := range f.Tensors {
		if p := parts[t.Name]; p != nil {
			info.Tensors = append(info.Tensors, p...)
		} else {
			info.Tensors = append(info.Tensors, t)
		}
	}
	return &File{Path: f.Path, Bytes: f.Bytes, Info: &info, weights: as}
}

// madeUp reports whether a name is one that PyTorch's exporters give to tensors that
// they computed: "onnx::MatMul_95" and "val_1".
func madeUp(name string) bool {
	return strings.HasPrefix(name, "onnx::") || strings.HasPrefix(name, "val_")
}

// module returns the name of the module that a node comes from: "encoder.lstm".
// PyTorch's exporters leave it in the node's metadata or, before 2.5, in its name.
func module(n onnx.Node) string {
	if scopes, ok := n.Metadata["pkg.torch.onnx.name_scopes"]; ok {
		// A list of Python: "['', 'encoder', 'encoder.lstm', 'lstm']". The last is the call.
		names := strings.Split(strings.Trim(scopes, "[]"), ", ")
		return strings.Trim(names[max(len(names)-2, 0)], "'")
	}
	parts := strings.Split(strings.TrimPrefix(n.Name, "/"), "/")
	return strings.Join(parts[:len(parts)-1], ".")
}

// lstm takes the weights of a node apart.
func (w *weights) lstm(n onnx.Node, layer int, parts map[string][]inspect.Tensor) {
	prefix := module(n)
	if prefix != "" {
		prefix += "."
	}
	// This module's exporter writes both into the names of the tensors.
	if own, number, ok := strings.Cut(n.Inputs[1], ".W"); ok && (number == "" || strings.HasPrefix(number, "_l")) {
		prefix = own + "."
		layer, _ = strconv.Atoi(strings.TrimPrefix(number, "_l"))
	} else if n.Inputs[1] == "W" {
		prefix = ""
	}
	for i, kinds := range [][]string{{"weight_ih"}, {"weight_hh"}, {"bias_ih", "bias_hh"}} {
		if len(n.Inputs) <= i+1 {
			break
		}
		t, ok := w.tensors[n.Inputs[i+1]]
		dims := 3
		if len(kinds) == 2 {
			dims = 2
		}
		if !ok || len(t.Shape) != dims || t.Shape[0] < 1 || t.Shape[0] > 2 || t.Shape[1]%(4*len(kinds)) != 0 {
			continue
		}
		raw, err := w.elements(t.Name)
		if err != nil {
			continue // the tensor's own comparison reports it
		}
		shape := append([]int{t.Shape[1] / len(kinds)}, t.Shape[2:]...)
		size := len(raw) / (t.Shape[0] * len(kinds))
		for k := range t.Shape[0] * len(kinds) {
			name := fmt.Sprint(prefix, kinds[k%len(kinds)], "_l", layer, []string{"", "_reverse"}[k/len(kinds)])
			parts[t.Name] = append(parts[t.Name], w.convert(name, t.DType, shape, reorderGates(raw[k*size:(k+1)*size])))
		}
	}
}

// linear transposes the matrix of a MatMul.
func (w *weights) linear(n onnx.Node, parts map[string][]inspect.Tensor) {
	name := module(n) + ".weight"
	t, ok := w.tensors[n.Inputs[1]]
	if _, taken := w.tensors[name]; !ok || taken || len(t.Shape) != 2 {
		return
	}
	raw, err := w.elements(t.Name)
	rows, columns := t.Shape[0], t.Shape[1]
	if err != nil || len(raw) == 0 || len(raw)%(rows*columns) != 0 {
		return
	}
	size := len(raw) / (rows * columns)
	out := make([]byte, 0, len(raw))
	for c := range columns {
		for r := range rows {
			at := (r*columns + c) * size
			out = append(out, raw[at:at+size]...)
		}
	}
	parts[t.Name] = []inspect.Tensor{w.convert(name, t.DType, []int{columns, rows}, out)}
}

func (w *weights) convert(name, dtype string, shape []int, raw []byte) inspect.Tensor {
	w.converted[name] = raw
	d := inspect.Dense(name, dtype, shape)
	sum := sha256.Sum256(raw)
	d.Bytes, d.SHA256 = int64(len(raw)), hex.EncodeToString(sum[:])
	return d
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
