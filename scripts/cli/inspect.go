// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/tensorfile"
	"github.com/etude-ml/etude/torch/inspect"
)

type inspectCommand struct {
	File string `arg:"" help:"A .pt, .onnx or .safetensors file, whatever its name is."`
	JSON bool   `name:"json" help:"Print everything as one JSON value."`
}

func (inspectCommand) Help() string {
	return `Lists the tensors of a file with their types, shapes, sizes and the SHA-256 of their elements, and everything else that is in it: numbers and texts of a checkpoint, operators and inputs of a model, metadata. Of a model, weights in constants, in the branches of If, in the bodies of Loop and in a file beside it are listed, too. Names of what is nested are joined by dots. Nothing in the file is executed, and it needs no libtorch.

Examples:

    etude inspect runs/first/emotion/last.pt
    etude inspect model.onnx --json | jq '.tensors[].name'`
}

// Run lists what a file holds.
func (c *inspectCommand) Run(env *Env) error {
	f, err := tensorfile.Open(env.Context, c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	if err = env.result(c.JSON, f, func(w io.Writer) { printFile(w, f) }, true); err == nil && len(f.Problems) > 0 {
		err = fmt.Errorf("%s: %s", c.File, strings.Join(f.Problems, "; "))
	}
	return err
}

// printFile writes a table of the tensors with its totals, then the rest.
func printFile(w io.Writer, f *tensorfile.File) {
	if len(f.Tensors) > 0 {
		t := newTable("tensor", "type", "shape", "bytes", "sha256")
		for _, x := range f.Tensors {
			t.row(x.Name, x.DType, fmt.Sprint(x.Shape), x.Bytes, digits(x.SHA256))
		}
		t.print(w)
	}
	elements, bytes := f.Totals()
	plain.Fprintf(w, "%d tensors, %d elements, %d bytes; the %s file has %d bytes\n", len(f.Tensors), elements, bytes, f.Format, f.Bytes)
	printValues(w, "value", f.Values)
	var metadata inspect.Values
	for _, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		metadata = append(metadata, inspect.Value{Name: key, Value: f.Metadata[key]})
	}
	printValues(w, "metadata", metadata)
}

func printValues(w io.Writer, title string, values inspect.Values) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable(title, "content")
	for _, v := range values {
		t.row(v.Name, short(v.Value))
	}
	t.print(w)
}

// digits returns the first digits of a hash.
func digits(hash string) string {
	if hash == "" {
		return "-"
	}
	return hash[:min(12, len(hash))]
}

// short is a value on part of a line; --json has the whole.
func short(v any) string {
	const most = 72
	if s, ok := v.(string); ok { // only the beginning of a long one is shown
		v = s[:min(len(s), 4*most)]
	}
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	line := strings.TrimSuffix(text.String(), "\n")
	n := 0
	for i := range line {
		if n++; n > most {
			return line[:i] + " …"
		}
	}
	return line
}
