// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
)

// LoadWeights finds the weights of a network in a .pt file: a state dict, or a
// checkpoint around one, of this program or of a Python script. Nothing else that the
// file holds is read. Without a name the network is recognised. The note tells people
// where in the file the weights are, where that is not the usual place.
func LoadWeights(path, name string) (found models.Found, note string, err error) {
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
	if found.Prefix != "" && found.Prefix != "model_state_dict." {
		note = fmt.Sprintf("%s: the weights of %s are those under %q", path, found.Spec.Name, found.Prefix)
	}
	if len(found.Others) > 0 {
		note = fmt.Sprintf("%s: the weights of %s are those under %q; those under %q are not used", path, found.Spec.Name, found.Prefix, found.Others)
	}
	return found, note, nil
}

// LoadModel makes a network with the weights that [LoadWeights] finds.
func LoadModel(path, name string) (spec models.Spec, model nn.Module, note string, err error) {
	found, note, err := LoadWeights(path, name)
	if err != nil {
		return spec, nil, "", err
	}
	tried := torch.Try(func() {
		model = found.Spec.New(torch.CPU)
		err = nn.LoadStateDict(model, found.State)
	})
	if err = errors.Join(tried, err); err != nil {
		return spec, nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return found.Spec, model, note, nil
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
