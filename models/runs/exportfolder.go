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
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/safetensors"
	"github.com/etude-ml/etude/torch/wholefile"
)

// FolderFiles lists what [Model.ExportFolder] writes.
var FolderFiles = []string{onnxFile, weightsFile, configFile, essentiaFile, readmeFile}

//go:embed card.md.tmpl
var cardText string

var cardTemplate = template.Must(template.New("card").Parse(cardText))

// ExportFolder writes a folder that explains the network to those who do not have Etude:
//
//	model.onnx         what Export writes
//	model.safetensors  the network's tensors
//	config.json        its layers, in the words of torch.nn, features, training and versions
//	model.json         its inputs and outputs, in the form of Essentia's models
//	README.md          a model card with a class that reads the folder in PyTorch
//
// The folder gets its name when everything is in it. One that is there must be empty or,
// with Replace, hold nothing but an earlier export. What is not known, such as the data
// behind weights that do not lie in the folder of a run, is left out; remarks say what.
func (m *Model) ExportFolder(ctx context.Context, dir string, o FolderOptions) (check ONNXCheck, remarks []string, err error) {
	dir, err = filepath.Abs(dir)
	if err == nil {
		dir, err = wholefile.Follow(dir)
	}
	if err == nil {
		err = replaceable(dir, o.Replace)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(dir), 0o777)
	}
	if err != nil {
		return check, nil, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".tmp-")
	if err != nil {
		return check, nil, err
	}
	made, earlier := filepath.Join(temp, "made"), filepath.Join(temp, "earlier")
	defer func() {
		os.RemoveAll(made)
		os.Remove(temp) // which stays if the earlier folder is in it still
	}()
	if err = os.Mkdir(made, 0o777); err == nil {
		check, remarks, err = m.fill(made, o)
	}
	if err = errors.Join(err, context.Cause(ctx)); err != nil {
		return check, nil, fmt.Errorf("%s: %w", dir, err)
	}
	was := os.Rename(dir, earlier)
	if was != nil && !errors.Is(was, fs.ErrNotExist) {
		return check, nil, was
	}
	if err = os.Rename(made, dir); err != nil {
		if was == nil {
			err = errors.Join(err, os.Rename(earlier, dir))
		}
		return check, nil, err
	}
	os.RemoveAll(earlier)
	parent, err := os.Open(filepath.Dir(dir))
	if err == nil {
		defer parent.Close()
		err = parent.Sync()
	}
	return check, remarks, err
}

// replaceable refuses a folder that holds something, but for an earlier export that may be
// replaced.
func replaceable(dir string, replace bool) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(list) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: it is not a folder that could be written: %w", dir, err)
	}
	for _, e := range list {
		if !slices.Contains(FolderFiles, e.Name()) || !e.Type().IsRegular() {
			return fmt.Errorf("%s: the folder holds %s, which is not of an earlier export: name another folder", dir, e.Name())
		}
	}
	if !replace {
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
		c, err = m.card(file, o)
	}
	if err != nil {
		return check, nil, err
	}
	c.Check = check
	if err := writeJSON(at(configFile), c.config()); err != nil {
		return check, nil, err
	}
	c.Date = time.Now().UTC().Format(time.DateOnly)
	if err := c.hash(dir, weightsFile); err != nil {
		return check, nil, err
	}
	if err := writeJSON(at(essentiaFile), c.essentia()); err != nil {
		return check, nil, err
	}
	if err := c.hash(dir, onnxFile, configFile, essentiaFile); err != nil {
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
