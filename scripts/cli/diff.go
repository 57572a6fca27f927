// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"

	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/tensorfile"
)

type diffCommand struct {
	A       string `arg:"" name:"a" help:"A .pt, .onnx or .safetensors file."`
	B       string `arg:"" name:"b" help:"Another one, of the same kind or not."`
	Tensors bool   `help:"Compare tensors alone, not numbers, texts and metadata."`
	JSON    bool   `name:"json" help:"Print the differences as one JSON value."`
}

func (diffCommand) Help() string {
	return `Compares two files tensor by tensor, by name: which are in one alone, which have other shapes or types, and where the elements differ, how many, and by how much at most. In files of one format the other values and the metadata are compared too, and of two ONNX files the whole graph: operators, attributes, which value goes where, the branches of If and the bodies of Loop. Names of nodes and of intermediate values do not count. Weights in a file beside the model are read from there. Across formats only tensors are compared: a checkpoint's model_state_dict stands for the checkpoint, and the weights of an LSTM and of a MatMul in an ONNX file, also in one of PyTorch's exporter, are taken as a state dict has them. It ends with exit code 1 if there are differences, and if there was no tensor to compare.

It needs no libtorch, but to tell how large the differences in .pt and .safetensors files are.

Examples:

    etude diff runs/first/emotion/model.pt runs/second/emotion/model.pt
    etude diff best.pt model.onnx --json`
}

// Run compares two files.
func (c *diffCommand) Run(env *Env) error {
	a, err := tensorfile.Open(env.Context, c.A)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := tensorfile.Open(env.Context, c.B)
	if err != nil {
		return err
	}
	defer b.Close()
	d := tensorfile.Compare(a, b, tensorfile.DiffOptions{TensorsOnly: c.Tensors})
	return env.result(c.JSON, d, func(w io.Writer) { printDiff(w, d) }, d.Same)
}

func printDiff(w io.Writer, d *tensorfile.Diff) {
	for _, note := range d.Notes {
		plain.Fprintf(w, "%s\n", note)
	}
	for _, side := range []struct {
		file  string
		names []string
	}{{d.A, d.OnlyA}, {d.B, d.OnlyB}} {
		for _, name := range side.names {
			plain.Fprintf(w, "only in %s: %s\n", side.file, name)
		}
	}
	if len(d.Tensors) > 0 {
		t := newTable("tensor", "a", "b", "differ", "at most", "at")
		for _, x := range d.Tensors {
			differ, most, at := "shape", "-", "-"
			if e := x.Elements; e != nil {
				differ = fmt.Sprintf("%d of %d", e.Differ, e.Count)
				if e.At != nil {
					most, at = fmt.Sprintf("%.3g", float64(e.MaxAbsDiff)), fmt.Sprint(e.At)
				}
				if e.NonFinite > 0 {
					differ += fmt.Sprintf(", %d not finite", e.NonFinite)
				}
			} else if x.NotCompared != "" {
				differ = "?"
			}
			t.row(x.Name, fmt.Sprint(x.A.DType, x.A.Shape), fmt.Sprint(x.B.DType, x.B.Shape), differ, most, at)
		}
		t.print(w)
	}
	for _, x := range d.Tensors {
		if x.NotCompared != "" {
			plain.Fprintf(w, "%s: %s\n", x.Name, x.NotCompared)
		}
	}
	printValueDiffs(w, d, d.Graph)
	printValueDiffs(w, d, d.Values)
	printValueDiffs(w, d, d.Metadata)
	if d.Same {
		plain.Fprintf(w, "no difference: %d tensors are equal bit for bit\n", d.Equal)
		return
	}
	plain.Fprintf(w, "%d tensors are equal bit for bit, %d differ, %d are in one file alone; %d other values differ\n",
		d.Equal, len(d.Tensors), len(d.OnlyA)+len(d.OnlyB), len(d.Values)+len(d.Graph)+len(d.Metadata))
}

func printValueDiffs(w io.Writer, d *tensorfile.Diff, list []tensorfile.ValueDiff) {
	for _, v := range list {
		switch v.OnlyIn {
		case "a":
			plain.Fprintf(w, "only in %s: %s = %s\n", d.A, v.Name, short(v.A))
		case "b":
			plain.Fprintf(w, "only in %s: %s = %s\n", d.B, v.Name, short(v.B))
		default:
			plain.Fprintf(w, "%s: %s in a, %s in b\n", v.Name, short(v.A), short(v.B))
		}
	}
}
