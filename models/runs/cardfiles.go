// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/etude-ml/etude/torch/onnx"
)

// object is an object of JSON or YAML, whose keys are written in alphabetical order.
type object = map[string]any

// config returns config.json of an exported folder. architectures, model_type, the name of
// the network, and dtype are Hugging Face's. It has no key "network" or "settings", by which
// the config.json of a run is known.
func (c *card) config() object {
	s := c.Spec
	config := object{
		"architectures": []string{s.Title}, "model_type": s.Name, "dtype": "float32",
		"input_size": s.In, "input_range": s.InputRange, "output_size": s.Out, "outputs": s.Outputs(), "exported_with": c.Here,
		"onnx": object{
			"opset": c.File.Opset, "from_samples": c.Options.FromSamples, "with_readout": c.Options.WithReadout,
			"weights": c.Options.Weights.String(), "check": c.Check,
		},
	}
	if c.Layers != nil {
		config["layers"] = c.Layers
	}
	if s.Readout != nil {
		config["readout"] = s.Readout.Names
	}
	if s.Metadata != nil {
		config["preprocessing"], config["labels"] = s.Metadata()
	}
	if c.Run != nil {
		config["training"], config["feature_versions"] = c.Run, c.FeatureVersions()
	}
	return config
}

// essentia returns model.json, in the form of the metadata beside the models of MTG's
// Essentia (essentia.upf.edu/models). What is not known is an empty text.
func (c *card) essentia() object {
	kind, purpose, version, inference := "regression", "predictions", c.Here.Libtorch, object{"algorithm": "OnnxPredict"}
	if c.Spec.Classes {
		kind = "multi-class classifier"
	}
	if c.Spec.Readout != nil && !c.Options.WithReadout {
		purpose = "embeddings"
	}
	if c.Run != nil {
		version = c.Run.Versions.Libtorch
	}
	if c.Spec.Metadata != nil {
		made, _ := c.Spec.Metadata()
		if features, ok := made.(map[string]any); ok && features["sample_rate"] != nil {
			inference["sample_rate"] = features["sample_rate"]
		}
	}
	metrics := object{}
	for _, m := range c.Measures {
		if m.Value.Defined() {
			metrics[m.Name] = m.Value
		}
	}
	data := object{"name": "", "citation": "", "size": "", "metrics": metrics}
	if c.Data != nil {
		var names, licences []string
		for _, s := range c.Sources {
			names, licences = append(names, s.Title), append(licences, s.Licence)
		}
		data["name"], data["citation"] = cmp.Or(strings.Join(names, "; "), base(c.Data.Root)), strings.Join(licences, "; ")
		data["size"] = fmt.Sprintf("%d samples in %d groups", c.Data.Samples, c.Data.Groups)
	}
	// Shapes are without the batch, and -1 is any size.
	tensors := func(values []onnx.Value) (list []object) {
		for _, v := range values {
			var sizes []int
			for _, d := range v.Shape[1:] {
				sizes = append(sizes, d.Size)
			}
			list = append(list, object{"name": v.Name, "type": "float", "shape": sizes})
		}
		return list
	}
	outputs := tensors(c.File.Outputs)
	for _, out := range outputs {
		out["output_purpose"] = purpose
	}
	return object{
		"name": c.Spec.Title, "type": kind, "link": "", "version": c.Files[0].SHA256[:12], "description": c.About(),
		"author": "", "release_date": c.Date, "framework": "libtorch", "framework_version": version, "classes": c.classes(),
		"model_types": []string{"onnx", "safetensors"}, "dataset": data, "citation": "", "inference": inference,
		"schema": object{"inputs": tensors(c.File.Inputs), "outputs": outputs},
	}
}

// head returns the first lines of a card, as Hugging Face's hub reads them
// (github.com/huggingface/hub-docs/blob/main/modelcard.md).
func (c *card) head() object {
	head := object{"library_name": "etude", "tags": []string{"onnx", "safetensors", "pytorch", c.Spec.Name}}
	if c.Options.License != "" {
		head["license"] = c.Options.License
	}
	var kinds []string
	var metrics []object
	for _, m := range c.Measures {
		if m.Value.Defined() {
			kind := strings.ToLower(strings.ReplaceAll(m.Name, " ", "-"))
			kinds, metrics = append(kinds, kind), append(metrics, object{"type": kind, "name": m.Name, "value": float64(m.Value)})
		}
	}
	if kinds != nil {
		result := object{
			"task":    object{"type": "other", "name": c.Spec.Name},
			"dataset": object{"type": "data-folder", "name": base(c.Data.Root), "split": "validation"}, "metrics": metrics,
		}
		head["metrics"], head["model-index"] = kinds, []object{{"name": c.Spec.Title, "results": []object{result}}}
	}
	return head
}
