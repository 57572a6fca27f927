// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"runtime"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/scripts/internal/version"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/data"
)

// Config is config.json: how a network was trained.
type Config struct {
	Network  string   `json:"network"`
	Model    string   `json:"model"`
	Settings Settings `json:"settings"`
	Data     DataInfo `json:"data"`
	Device   string   `json:"device"`
	GPU      string   `json:"gpu,omitempty"` // its name
	Threads  int      `json:"threads"`       // of an operator

	Precision     torch.Float32MatmulPrecision `json:"float32_matmul_precision"` // "highest": float32, "high": TF32
	Deterministic bool                         `json:"deterministic"`            // operators that are not are refused

	Versions Versions `json:"versions"`
}

// DataInfo tells what a network was trained on.
type DataInfo struct {
	Root        string      `json:"root"`
	Fingerprint string      `json:"fingerprint"`
	Samples     int         `json:"samples"`
	Groups      int         `json:"groups"`
	Train       int         `json:"train_samples"`
	Val         int         `json:"val_samples"`
	Skipped     []data.Skip `json:"skipped"`            // what was left out, and why
	Notes       []string    `json:"notes"`              // remarks on samples that are there
	Constant    []float32   `json:"constant,omitempty"` // mean of the training targets
}

// Versions tells what a network was trained with.
type Versions struct {
	Etude       string `json:"etude"`
	Libtorch    string `json:"libtorch"`
	ONNXRuntime string `json:"onnxruntime"`
	Go          string `json:"go"`
	// Features has the version of each feature, see [dataset.FeatureVersions].
	Features map[string]int `json:"features,omitempty"`
}

func versions(libtorch, onnxRuntime string) Versions {
	return Versions{Etude: version.Etude(), Libtorch: libtorch, ONNXRuntime: onnxRuntime, Go: runtime.Version(), Features: dataset.FeatureVersions()}
}

// gpuName is the name of a GPU, "" for other devices.
func gpuName(d torch.Device) string {
	if d.Type != torch.DeviceCUDA {
		return ""
	}
	p, err := cuda.Properties(d.Index)
	if err != nil {
		return "" // it says so itself as soon as it has to work
	}
	return p.Name
}

// LoadConfig reads a folder's config.json; nil where there is none.
func LoadConfig(f Folder) (*Config, error) {
	var c Config
	found, err := readJSON(f.Config(), &c)
	if err != nil || !found {
		return nil, err
	}
	return &c, nil
}
