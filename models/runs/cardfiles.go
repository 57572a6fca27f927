// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"strings"
)

// folderConfig holds config.json of an exported folder. architectures, model_type and dtype
// are Hugging Face's. It has no key "network" or "settings", by which the config.json of a run
// is known.
type folderConfig struct {
	Architectures  []string       `json:"architectures"`
	ModelType      string         `json:"model_type"` // the network's name
	DType          string         `json:"dtype"`
	InputSize      int            `json:"input_size"`
	OutputSize     int            `json:"output_size"`
	Layers         []pyLayer      `json:"layers,omitempty"`
	Outputs        []string       `json:"outputs"` // names of the numbers
	Readout        []string       `json:"readout,omitempty"`
	Preprocessing  any            `json:"preprocessing,omitempty"`
	Labels         any            `json:"labels,omitempty"`
	InputRange     [2]float64     `json:"input_range"`
	FeatureVersion map[string]int `json:"feature_versions,omitempty"`
	ONNX           folderONNX     `json:"onnx"`
	Training       *Identity      `json:"training,omitempty"`
	Exported       Versions       `json:"exported_with"`
}

// folderONNX says what the ONNX file holds beside the network.
type folderONNX struct {
	Opset       int       `json:"opset"`
	FromSamples bool      `json:"from_samples"`
	WithReadout bool      `json:"with_readout"`
	Weights     string    `json:"weights"`
	Check       ONNXCheck `json:"check"`
}

func (c *card) config() folderConfig {
	s := c.Spec
	config := folderConfig{
		Architectures: []string{s.Title}, ModelType: s.Name, DType: "float32", InputSize: s.In, OutputSize: s.Out,
		Layers: c.Layers, Outputs: s.Outputs(), Preprocessing: c.Preprocessing, Labels: c.Labels, InputRange: s.InputRange,
		FeatureVersion: c.FeatureVersions(), Training: c.Run, Exported: c.Here,
		ONNX: folderONNX{c.Opset, c.Options.FromSamples, c.Options.WithReadout, c.Options.Weights.String(), c.Check},
	}
	if s.Readout != nil {
		config.Readout = s.Readout.Names
	}
	return config
}

// essentia holds model.json: the form of the metadata beside the models of MTG's Essentia
// (essentia.upf.edu/models). What is not known is an empty text.
type essentia struct {
	Name             string           `json:"name"`
	Type             string           `json:"type"`
	Link             string           `json:"link"`
	Version          string           `json:"version"`
	Description      string           `json:"description"`
	Author           string           `json:"author"`
	ReleaseDate      string           `json:"release_date"`
	Framework        string           `json:"framework"`
	FrameworkVersion string           `json:"framework_version"`
	Classes          []string         `json:"classes"`
	ModelTypes       []string         `json:"model_types"`
	Dataset          essentiaDataset  `json:"dataset"`
	Schema           essentiaSchema   `json:"schema"`
	Citation         string           `json:"citation"`
	Inference        essentiaAnalysis `json:"inference"`
}

type essentiaDataset struct {
	Name     string             `json:"name"`
	Citation string             `json:"citation"`
	Size     string             `json:"size"`
	Metrics  map[string]float64 `json:"metrics"`
}

type essentiaSchema struct {
	Inputs  []essentiaTensor `json:"inputs"`
	Outputs []essentiaTensor `json:"outputs"`
}

// essentiaTensor is an input or output, whose shape is without the batch.
type essentiaTensor struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Shape   []int  `json:"shape"` // -1 for any size
	Purpose string `json:"output_purpose,omitempty"`
}

type essentiaAnalysis struct {
	SampleRate any    `json:"sample_rate,omitempty"` // of a network that takes sound
	Algorithm  string `json:"algorithm"`             // of Essentia
}

func (c *card) essentia() essentia {
	e := essentia{
		Name: c.Spec.Title, Type: "regression", Version: c.Files[0].SHA256[:12], Description: c.About(), ReleaseDate: c.Date,
		Framework: "libtorch", FrameworkVersion: c.Here.Libtorch, Classes: c.classes(), ModelTypes: []string{"onnx", "safetensors"},
		Dataset: essentiaDataset{Metrics: map[string]float64{}}, Inference: essentiaAnalysis{Algorithm: "OnnxPredict"},
	}
	if c.Spec.Classes {
		e.Type = "multi-class classifier"
	}
	if c.Run != nil {
		e.FrameworkVersion = c.Run.Versions.Libtorch
	}
	if made, ok := c.Preprocessing.(map[string]any); ok {
		e.Inference.SampleRate = made["sample_rate"]
	}
	if c.Data != nil {
		var names, licences []string
		for _, s := range c.Sources {
			names, licences = append(names, s.Title), append(licences, s.Licence)
		}
		e.Dataset.Name, e.Dataset.Citation, e.Dataset.Size = cmp.Or(strings.Join(names, "; "), c.Folder()), strings.Join(licences, "; "), c.Size()
	}
	for _, m := range c.Measures {
		if m.Value.Defined() {
			e.Dataset.Metrics[m.Name] = float64(m.Value.Number)
		}
	}
	purpose := "predictions"
	if c.Spec.Readout != nil && !c.Options.WithReadout {
		purpose = "embeddings"
	}
	for _, in := range c.Inputs {
		e.Schema.Inputs = append(e.Schema.Inputs, essentiaTensor{in.Name, "float", in.sizes, ""})
	}
	for _, out := range c.Outputs {
		e.Schema.Outputs = append(e.Schema.Outputs, essentiaTensor{out.Name, "float", out.sizes, purpose})
	}
	return e
}

// cardHead holds the first lines of a card, as Hugging Face's hub reads them
// (github.com/huggingface/hub-docs/blob/main/modelcard.md).
type cardHead struct {
	License     string     `yaml:"license"`
	LibraryName string     `yaml:"library_name"`
	Tags        []string   `yaml:"tags"`
	Metrics     []string   `yaml:"metrics,omitempty"`
	ModelIndex  []hubModel `yaml:"model-index,omitempty"`
}

type hubModel struct {
	Name    string      `yaml:"name"`
	Results []hubResult `yaml:"results"`
}

type hubResult struct {
	Task    hubName     `yaml:"task"`
	Dataset hubName     `yaml:"dataset"`
	Metrics []hubMetric `yaml:"metrics"`
}

type hubName struct {
	Type  string `yaml:"type"`
	Name  string `yaml:"name"`
	Split string `yaml:"split,omitempty"`
}

type hubMetric struct {
	Type  string  `yaml:"type"`
	Name  string  `yaml:"name"`
	Value float64 `yaml:"value"`
}

func (c *card) head() cardHead {
	head := cardHead{License: "unknown", LibraryName: "etude", Tags: []string{"onnx", "safetensors", "pytorch", c.Spec.Name}}
	result := hubResult{Task: hubName{Type: "other", Name: c.Spec.Name}}
	for _, m := range c.Measures {
		if m.Value.Defined() {
			kind := strings.ToLower(strings.ReplaceAll(m.Name, " ", "-"))
			head.Metrics = append(head.Metrics, kind)
			result.Metrics = append(result.Metrics, hubMetric{kind, m.Name, float64(m.Value.Number)})
		}
	}
	if result.Metrics != nil {
		result.Dataset = hubName{"data-folder", c.Folder(), "validation"}
		head.ModelIndex = []hubModel{{c.Spec.Title, []hubResult{result}}}
	}
	return head
}
