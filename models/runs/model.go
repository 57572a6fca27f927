// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
)

// Model is a trained network, from a .pt or an .onnx file.
type Model struct {
	Path string
	Spec models.Spec
	Run  *Identity // the training that it comes from; nil where nobody knows
	Note string    // where in the file the weights are, where that is not the usual place

	module  nn.Module // or
	session *onnx.Session
}

// FindModels names the files of what a path stands for: a file itself, the
// network of a folder RUN/NETWORK, or all networks of a folder RUN.
func FindModels(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	if file := Folder(path).Model(); isFile(file) {
		return []string{file}, nil
	}
	var files []string
	for _, name := range models.Names() {
		if file := NewFolder(path, name).Model(); isFile(file) {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: neither a network of a run nor a run: no model.pt in it or in %s below it", path, strings.Join(models.Names(), ", "))
	}
	return files, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// OpenModel loads a trained network. Close frees it.
func OpenModel(path string) (*Model, error) {
	if strings.ToLower(filepath.Ext(path)) == ".onnx" {
		return openONNX(path)
	}
	spec, module, note, err := LoadModel(path, "")
	if err != nil {
		return nil, err
	}
	run, err := IdentityOf(path)
	if err != nil {
		return nil, err
	}
	return &Model{Path: path, Spec: spec, Run: run, Note: note, module: module}, nil
}

func openONNX(path string) (*Model, error) {
	session, err := onnx.Open(path)
	if err != nil {
		return nil, err
	}
	m := &Model{Path: path, session: session}
	if err := m.identify(); err != nil {
		session.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// identify tells the network of an ONNX file by its metadata, and by its names
// where it has none.
func (m *Model) identify() error {
	entries, inputs, outputs := m.session.Metadata(), m.session.Inputs(), m.session.Outputs()
	for _, s := range models.All() {
		if len(inputs) == 1 && len(outputs) == 1 && inputs[0].Name == s.ONNXInput && outputs[0].Name == s.ONNXOutput &&
			(entries["etude.network"] == s.Name || entries["etude.network"] == "") {
			m.Spec = s
			break
		}
	}
	if m.Spec.Name == "" {
		return fmt.Errorf("the network is not known: its input and output are %v and %v, its metadata etude.network is %q", inputs, outputs, entries["etude.network"])
	}
	if text := entries["etude.run"]; text != "" {
		if err := json.Unmarshal([]byte(text), &m.Run); err != nil {
			return fmt.Errorf("metadata etude.run: %w", err)
		}
	}
	return nil
}

// Close frees the network.
func (m *Model) Close() {
	if m.session != nil {
		m.session.Close()
	}
}

// constant is the mean of the targets that the network was trained on, as far as
// its file or the run's folder tells.
func (m *Model) constant() ([]float32, error) {
	if m.Run != nil && len(m.Run.Constant) > 0 {
		return m.Run.Constant, nil
	}
	config, err := LoadConfig(Folder(filepath.Dir(m.Path)))
	if err != nil || config == nil || config.Network != m.Spec.Name {
		return nil, err
	}
	return config.Data.Constant, nil
}

// predictRows is how many rows are computed at once: more gain nothing, and take
// memory.
const predictRows = 4096

// Predict gives the outputs for rows of inputs, one after another.
func (m *Model) Predict(x []float32) ([]float32, error) {
	var out []float32
	for len(x) > 0 {
		n := min(len(x), predictRows*m.Spec.In)
		rows, err := m.predict(x[:n])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		out, x = append(out, rows...), x[n:]
	}
	return out, nil
}

func (m *Model) predict(x []float32) (out []float32, err error) {
	if m.session != nil {
		results, err := m.session.RunSlices(map[string][]float32{m.Spec.ONNXInput: x})
		return results[m.Spec.ONNXOutput], err
	}
	err = torch.Try(func() {
		nn.SetTraining(m.module, false)
		torch.NoGrad(func() {
			torch.Scope(func() {
				out = m.module.Forward(torch.FromSlice(x, len(x)/m.Spec.In, m.Spec.In)).Float32s()
			})
		})
	})
	return out, err
}
