// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"fmt"
	"path/filepath"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
)

// LoadModel reads a network from a .pt file, which holds a state dict or a
// checkpoint around one. Without a name the network is recognised.
func LoadModel(path, name string) (spec models.Spec, model nn.Module, err error) {
	file, err := pt.LoadDict(path)
	if err != nil {
		return spec, nil, err
	}
	state := file
	if inner, ok := file.Get("model_state_dict"); ok {
		if state, ok = inner.(*torch.Dict); !ok {
			return spec, nil, fmt.Errorf("%s: model_state_dict: is %T, not a state dict", path, inner)
		}
	}
	if name != "" {
		spec, err = models.ByName(name)
	} else {
		spec, err = models.Recognize(state)
	}
	if err != nil {
		return spec, nil, fmt.Errorf("%s: %w", path, err)
	}
	tried := torch.Try(func() {
		model = spec.New(torch.CPU)
		err = nn.LoadStateDict(model, state)
	})
	if tried != nil {
		err = tried
	}
	if err != nil {
		return spec, nil, fmt.Errorf("%s: %w", path, err)
	}
	return spec, model, nil
}

// IdentityOf tells how the best weights in a run folder were trained; nil for
// another file.
func IdentityOf(path string) (*Identity, error) {
	folder := Folder(filepath.Dir(path))
	if clean := filepath.Clean(path); clean != folder.Model() && clean != folder.Best() {
		return nil, nil
	}
	config, err := LoadConfig(folder)
	if err != nil || config == nil {
		return nil, err
	}
	id := &Identity{Settings: config.Settings, Fingerprint: config.Data.Fingerprint, Versions: config.Versions, BestEpoch: -1, Constant: config.Data.Constant}
	var history struct {
		BestEpoch *int `json:"best_epoch"`
	}
	if _, err := readJSON(folder.History(), &history); err != nil {
		return nil, err
	}
	if history.BestEpoch != nil {
		id.BestEpoch = *history.BestEpoch
	}
	return id, nil
}
