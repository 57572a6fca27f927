// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
)

// Config holds config.json, which says how a network was trained.
type Config struct {
	Network  string   `json:"network"`
	Model    string   `json:"model"`
	Settings Settings `json:"settings"`
	Init     string   `json:"init,omitempty"` // the file whose weights training started from
	Data     DataInfo `json:"data"`
	Device   string   `json:"device"`
	GPU      string   `json:"gpu,omitempty"` // its name
	Threads  int      `json:"threads"`       // of an operator
	// Processes is the number of processes, each with so many threads; 0 for one.
	Processes int `json:"processes,omitempty"`

	Precision     torch.Float32MatmulPrecision `json:"float32_matmul_precision"` // "highest": float32, "high": TF32
	Deterministic bool                         `json:"deterministic"`            // operators that are not are refused

	Versions Versions `json:"versions"`

	// SHA256 is that of everything else in the file, "" in files of older versions.
	SHA256 string `json:"sha256,omitempty"`
}

// Identity describes the training that weights come from.
type Identity struct {
	Settings    Settings `json:"settings"`
	Fingerprint string   `json:"data_fingerprint"`
	Versions    Versions `json:"versions"`
	BestEpoch   int      `json:"best_epoch"`
	// Constant is the mean of the training targets, which the network is measured
	// beside. Runs made before this field existed have none.
	Constant []float32 `json:"constant,omitempty"`
}

// identity describes the training that the weights of an epoch come from.
func (c Config) identity(bestEpoch int) *Identity {
	return &Identity{Settings: c.Settings, Fingerprint: c.Data.Fingerprint, Versions: c.Versions, BestEpoch: bestEpoch, Constant: c.Data.Constant}
}

// settle makes the process compute as exactly as the run did. Both are settings of the
// process, so they hold for all networks.
func (c Config) settle() {
	if c.Precision == torch.PrecisionHigh {
		torch.SetFloat32MatmulPrecision(torch.PrecisionHigh)
	}
	if c.Deterministic {
		torch.UseDeterministicAlgorithms(true)
	}
}

// DataInfo describes what a network was trained on.
type DataInfo struct {
	Root        string      `json:"root"`
	Fingerprint string      `json:"fingerprint"`
	Samples     int         `json:"samples"`
	Groups      int         `json:"groups"`
	Train       int         `json:"train_samples"`
	Val         int         `json:"val_samples"`
	Skipped     []data.Skip `json:"skipped"`            // files that were skipped, and why
	Notes       []string    `json:"notes"`              // remarks on samples that are there
	Constant    []float32   `json:"constant,omitempty"` // mean of the training targets
}

// Versions lists what a network was trained with.
type Versions struct {
	Etude       string `json:"etude"`
	Libtorch    string `json:"libtorch"`
	ONNXRuntime string `json:"onnxruntime"`
	Go          string `json:"go"`
	// Features has the version of each feature, see [dataset.FeatureVersions].
	Features map[string]int `json:"features,omitempty"`
}

// hashKey is the key in config.json of the SHA-256 of all others.
const hashKey = "sha256"

// configHash hashes the keys of a config.json but for the hash itself. Neither the
// order of keys nor white space changes it.
func configHash(keys map[string]json.RawMessage) (string, error) {
	keys = maps.Clone(keys)
	delete(keys, hashKey)
	text, err := json.Marshal(keys)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// write writes config.json into a folder.
func (c Config) write(f folder) error {
	c.SHA256 = ""
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return err
	}
	if c.SHA256, err = configHash(keys); err != nil {
		return err
	}
	return writeJSON(f.file(configFile), c)
}

// loadConfig reads a folder's config.json; it returns nil where there is none, or one
// that describes no training. A file that was changed since a run wrote it is an error,
// because one wrong digit would make another training of it. Files of versions that
// wrote no hash are accepted if all of their keys are known.
func loadConfig(f folder) (*Config, error) {
	text, found, err := readFile(f.file(configFile))
	if err != nil || !found {
		return nil, err
	}
	var keys map[string]json.RawMessage
	var c Config
	err = json.Unmarshal(text, &keys)
	if err == nil && keys["network"] == nil && keys["settings"] == nil {
		return nil, nil // of another program
	}
	if err == nil {
		strict := json.NewDecoder(bytes.NewReader(text))
		strict.DisallowUnknownFields()
		err = strict.Decode(&c)
	}
	if err == nil && keys[hashKey] != nil {
		var hash string
		if hash, err = configHash(keys); err == nil && hash != c.SHA256 {
			err = errors.New("its content does not match the hash in it")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s was changed since the run wrote it (%w): restore it; or remove it, and give Options.Data and the settings of the run anew", f.file(configFile), err)
	}
	return &c, nil
}
