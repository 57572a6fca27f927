// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/trainer"
)

// Model is a trained network, from a .pt or an .onnx file.
type Model struct {
	Path string
	Spec models.Spec
	Run  *Identity // the training that it comes from; nil if the file does not hold it
	Note string    // where in the file the weights are, where that is not the usual place

	module  nn.Module // or
	session *onnx.Session
}

// FindModels returns the files that a path stands for: the path itself, the network of a
// folder RUN/NETWORK, or, and then isRun is true, all networks of a folder RUN.
func FindModels(path string) (files []string, isRun bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	if !info.IsDir() {
		return []string{path}, false, nil
	}
	if file := folder(path).file(trainer.ModelFile); isFile(file) {
		return []string{file}, false, nil
	}
	for _, name := range models.Names() {
		if file := newFolder(path, name).file(trainer.ModelFile); isFile(file) {
			files = append(files, file)
		}
	}
	if list := folder(path).file(sweepFile); len(files) == 0 && isFile(list) {
		return nil, false, fmt.Errorf("%s holds a sweep: name one of its runs, which %s lists", path, list)
	}
	if len(files) == 0 {
		return nil, false, fmt.Errorf("%s: neither a network of a run nor a run: no model.pt in it or in %s below it", path, strings.Join(models.Names(), ", "))
	}
	return files, true, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// OpenModel loads a trained network: of a folder RUN/NETWORK, from an ONNX file, or from a
// .pt file that is or holds a state dict, of this program or of a Python script. Without a
// name the network is recognised. A network that learned from other features than this
// program makes is refused. An ONNX file needs no libtorch. Any number of goroutines may use
// the result; Close frees it, after them.
func OpenModel(path, name string) (*Model, error) {
	files, isRun, err := FindModels(path)
	if err != nil {
		return nil, err
	}
	path = files[0]
	if isRun {
		return nil, fmt.Errorf("%s: it is a folder of networks: name one of them, such as %s", filepath.Dir(filepath.Dir(path)), filepath.Dir(path))
	}
	if strings.ToLower(filepath.Ext(path)) == ".onnx" {
		return openONNX(path, name)
	}
	if err := torch.Init(); err != nil {
		return nil, err
	}
	found, note, err := loadWeights(path, name)
	if err != nil {
		return nil, err
	}
	m := &Model{Path: path, Spec: found.Spec, Note: note}
	tried := torch.Try(func() {
		m.module = found.Spec.New(torch.CPU)
		err = nn.LoadStateDict(m.module, found.State)
		nn.SetTraining(m.module, false)
	})
	if err = errors.Join(tried, err); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if m.Run, err = identityOf(path); err == nil {
		err = sameFeatures(m.Spec, m.Run, nil)
	}
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// OpenPredictor opens a network to let it answer. It is [OpenModel], but that of a folder
// RUN/NETWORK it takes model.onnx, which needs no libtorch, if that file holds the weights
// of model.pt: Note says so if it does not. Where libtorch is needed it is loaded without
// CUDA, see [torch.InitCPU].
func OpenPredictor(path string) (*Model, error) {
	file, note := predictorFile(path)
	if strings.ToLower(filepath.Ext(file)) != ".onnx" {
		if err := torch.InitCPU(); err != nil {
			return nil, err
		}
	}
	m, err := OpenModel(file, "")
	if err == nil && m.Note == "" {
		m.Note = note
	}
	return m, err
}

// predictorFile returns the file that OpenPredictor opens.
func predictorFile(path string) (file, note string) {
	f := folder(path)
	network, weights := f.file(onnxFile), f.file(trainer.ModelFile)
	if !isFile(network) {
		return path, ""
	}
	if !isFile(weights) {
		return network, ""
	}
	const slow = "%s answers, with libtorch, which takes longer: %v"
	if _, err := libtorch.LocateONNXRuntime(); err != nil {
		return path, fmt.Sprintf(slow, weights, err)
	}
	var e struct {
		SHA256 map[string]string `json:"sha256"`
	}
	_, err := readJSON(f.file(summaryFile), &e)
	for _, file := range []string{weights, network} {
		hash, e2 := hashFile(file)
		if err = cmp.Or(err, e2); err == nil && e.SHA256[filepath.Base(file)] != hash {
			err = fmt.Errorf("%s does not say that %s has the same weights", f.file(summaryFile), network)
		}
	}
	if err != nil {
		return path, fmt.Sprintf(slow, weights, err)
	}
	return network, ""
}

// hashFile returns the SHA-256 of a file in hexadecimal.
func hashFile(path string) (string, error) {
	text, _, err := readFile(path)
	return fmt.Sprintf("%x", sha256.Sum256(text)), err
}

// loadWeights finds the weights of a network in a .pt file. Nothing else that the file
// holds is read. The note names the place of the weights in the file if that is
// not the usual place.
func loadWeights(path, name string) (found models.Found, note string, err error) {
	tensors, err := pt.LoadTensors(path, pt.LoadOptions{})
	if err != nil {
		return found, "", err
	}
	file := torch.NewDict()
	for _, t := range tensors {
		file.Set(t.Name, t.Tensor)
	}
	if found, err = models.Find(file, name); err != nil {
		return found, "", fmt.Errorf("%s: %w", path, err)
	}
	if found.Prefix != "" && found.Prefix != "model_state_dict." || len(found.Others) > 0 {
		note = fmt.Sprintf("%s: the weights of %s are those under %q", path, found.Spec.Name, found.Prefix)
	}
	if len(found.Others) > 0 {
		note += fmt.Sprintf("; those under %q are not used", found.Others)
	}
	return found, note, nil
}

// identityOf returns how the best weights in a run folder were trained; nil for
// another file.
func identityOf(path string) (*Identity, error) {
	folder := folder(filepath.Dir(path))
	if clean := filepath.Clean(path); clean != folder.file(trainer.ModelFile) && clean != folder.file(trainer.BestFile) {
		return nil, nil
	}
	config, err := loadConfig(folder)
	if err != nil || config == nil {
		return nil, err
	}
	history := struct {
		BestEpoch int `json:"best_epoch"`
	}{-1}
	if _, err := readJSON(folder.file(trainer.HistoryFile), &history); err != nil {
		return nil, err
	}
	return config.identity(history.BestEpoch), nil
}

func openONNX(path, name string) (*Model, error) {
	session, err := onnx.Open(path)
	if err != nil {
		return nil, err
	}
	m := &Model{Path: path, session: session}
	if err := m.identify(name); err != nil {
		session.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// identify finds the network of an ONNX file by its metadata, and by the names of its
// input and output where it has none.
func (m *Model) identify(name string) error {
	entries, inputs, outputs := m.session.Metadata(), m.session.Inputs(), m.session.Outputs()
	for _, s := range models.All() {
		if len(inputs) == 1 && len(outputs) == 1 && inputs[0].Name == s.ONNXInput && outputs[0].Name == s.ONNXOutput &&
			(entries["etude.network"] == s.Name || entries["etude.network"] == "") && (name == "" || name == s.Name) {
			m.Spec = s
			break
		}
	}
	if s, err := models.ByName(entries["etude.network"]); m.Spec.Name == "" && err == nil && (name == "" || name == s.Name) {
		return fmt.Errorf("its input and output, %v and %v, are not those of %s alone, as of a file that begins with samples or ends with a readout: give the file that it was made from", inputs, outputs, s.Name)
	}
	if m.Spec.Name == "" {
		return fmt.Errorf("the network is not known: its input and output are %v and %v, its metadata etude.network is %q", inputs, outputs, entries["etude.network"])
	}
	if text := entries["etude.run"]; text != "" {
		if err := json.Unmarshal([]byte(text), &m.Run); err != nil {
			return fmt.Errorf("metadata etude.run: %w", err)
		}
	}
	return sameFeatures(m.Spec, m.Run, entries)
}

// Close frees the network.
func (m *Model) Close() {
	if m.session != nil {
		m.session.Close()
	} else {
		free(m.module)
	}
}

// free frees the weights of a network.
func free(model nn.Module) {
	for _, p := range nn.Parameters(model) {
		p.Close()
	}
}

// constant returns the mean of the targets that the network was trained on, if its file
// or the run's folder holds it.
func (m *Model) constant() ([]float32, error) {
	if m.Run != nil && len(m.Run.Constant) > 0 {
		return m.Run.Constant, nil
	}
	config, err := loadConfig(folder(filepath.Dir(m.Path)))
	if err != nil || config == nil || config.Network != m.Spec.Name {
		return nil, err
	}
	return config.Data.Constant, nil
}

// predictRows limits the rows that are computed at once: more gain nothing, and take
// memory.
const predictRows = 4096

// Forward returns the outputs for rows of inputs, one after another.
func (m *Model) Forward(ctx context.Context, x []float32) (out []float32, err error) {
	if len(x)%m.Spec.In != 0 {
		return nil, fmt.Errorf("%s: %d numbers are no rows of %d", m.Path, len(x), m.Spec.In)
	}
	for rows := range slices.Chunk(x, predictRows*m.Spec.In) {
		if err = context.Cause(ctx); err == nil {
			rows, err = m.forward(ctx, rows)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		out = append(out, rows...)
	}
	return out, nil
}

func (m *Model) forward(ctx context.Context, rows []float32) (out []float32, err error) {
	if m.session != nil {
		outputs, err := m.session.RunSlices(ctx, map[string][]float32{m.Spec.ONNXInput: rows})
		return outputs[m.Spec.ONNXOutput], err
	}
	err = torch.Try(func() {
		torch.NoGrad(func() {
			torch.Scope(func() {
				out = m.module.Forward(torch.FromSlice(rows, len(rows)/m.Spec.In, m.Spec.In)).Float32s()
			})
		})
	})
	return out, err
}
