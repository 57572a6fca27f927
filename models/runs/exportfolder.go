// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	"go.yaml.in/yaml/v3"

	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/safetensors"
	"github.com/etude-ml/etude/torch/wholefile"
)

// FolderFiles lists what [Model.ExportFolder] writes.
var FolderFiles = []string{onnxFile, weightsFile, configFile, essentiaFile, readmeFile}

//go:embed card.md.tmpl
var cardText string

var cardTemplate = template.Must(template.New("card").Funcs(template.FuncMap{
	"base": base,
	"number": func(n measure.Number) string {
		if !n.Defined() {
			return "undefined"
		}
		return fmt.Sprintf("%.4g", float64(n))
	},
}).Parse(cardText))

// ExportFolder writes a folder that explains the network to those who do not have Etude:
//
//	model.onnx         what Export writes
//	model.safetensors  the network's tensors
//	config.json        its layers, in the words of torch.nn, features, training and versions
//	model.json         its inputs and outputs, in the form of Essentia's models
//	README.md          a model card with a class that reads the folder in PyTorch
//
// The folder gets its name when everything is in it, see [wholefile.Folder]; [CheckFolder]
// says which may be there already. What is not known, such as the data behind weights that do
// not lie in the folder of a run, is left out; remarks say what.
func (m *Model) ExportFolder(ctx context.Context, dir string, o FolderOptions) (check ONNXCheck, remarks []string, err error) {
	if err := CheckFolder(dir, o.Replace); err != nil {
		return check, nil, err
	}
	if dir, err = filepath.Abs(dir); err == nil {
		err = wholefile.Folder(dir, func(draft string) error {
			if check, remarks, err = m.fill(draft, o); err != nil {
				return err
			}
			return context.Cause(ctx)
		})
	}
	if err != nil {
		return ONNXCheck{}, nil, fmt.Errorf("%s: %w", dir, err)
	}
	return check, remarks, nil
}

// CheckFolder returns an error for a folder that [Model.ExportFolder] would not write. One
// that is there must be empty or, if it may be replaced, hold nothing but an earlier export.
func CheckFolder(dir string, replace bool) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: it is not a folder that can be read: %w", dir, err)
	}
	// A shell would be left in the folder that was removed.
	here, _ := os.Stat(".")
	if there, _ := os.Stat(dir); os.SameFile(here, there) {
		return fmt.Errorf("%s: it is the current folder: name another, such as one in it", dir)
	}
	for _, e := range list {
		if !slices.Contains(FolderFiles, e.Name()) || !e.Type().IsRegular() {
			return fmt.Errorf("%s: the folder holds %s, which is not of an earlier export: name another folder", dir, e.Name())
		}
	}
	if len(list) > 0 && !replace {
		return fmt.Errorf("%s: the folder holds an earlier export: name another folder, or replace it (--force)", dir)
	}
	return nil
}

// fill writes the files into an empty folder.
func (m *Model) fill(dir string, o FolderOptions) (check ONNXCheck, remarks []string, err error) {
	at := func(name string) string { return filepath.Join(dir, name) }
	if check, err = m.Export(at(onnxFile), o.ExportOptions); err != nil {
		return check, nil, err
	}
	file, err := onnx.Inspect(at(onnxFile))
	if err == nil {
		err = safetensors.Save(at(weightsFile), nn.StateDict(m.module), map[string]string{"format": "pt"})
	}
	var c *card
	if err == nil {
		c, err = m.card(file, check, o)
	}
	if err == nil {
		err = writeJSON(at(configFile), c.config())
	}
	if err == nil {
		err = c.add(dir, weightsFile, onnxFile, configFile)
	}
	if err == nil {
		err = writeJSON(at(essentiaFile), c.essentia())
	}
	if err == nil {
		err = c.add(dir, essentiaFile)
	}
	if err != nil {
		return check, nil, err
	}
	head, err := yaml.Marshal(c.head())
	if err != nil {
		return check, nil, err
	}
	c.Head = string(head)
	var text bytes.Buffer
	if err := cardTemplate.Execute(&text, c); err != nil {
		return check, nil, err
	}
	return check, c.Remarks, wholefile.Write(at(readmeFile), text.Bytes())
}
