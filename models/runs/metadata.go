// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"

	"github.com/etude-ml/etude/models"
)

// metadata is what an exported file says of itself, beside what the exporter
// adds: how inputs are made from files, what the outputs mean, and the run that
// the weights come from (nil where nobody knows). Values but the names are JSON.
func metadata(spec models.Spec, run *Identity) (map[string]string, error) {
	entries := map[string]any{}
	if spec.Metadata != nil {
		entries["etude.preprocessing"], entries["etude.labels"] = spec.Metadata()
	}
	if run != nil {
		entries["etude.run"] = run
	}
	out := map[string]string{"etude.network": spec.Name, "etude.model": spec.Title}
	for key, value := range entries {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out[key] = string(text)
	}
	return out, nil
}

// Identity tells from which training weights come.
type Identity struct {
	Settings    Settings `json:"settings"`
	Fingerprint string   `json:"data_fingerprint"`
	Versions    Versions `json:"versions"`
	BestEpoch   int      `json:"best_epoch"`
	// Constant is the mean of the training targets, what the network is measured
	// beside; empty in runs of before it was kept.
	Constant []float32 `json:"constant,omitempty"`
}
