// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
)

// sameFeatures refuses a network that learned from other numbers than the files give here,
// by what the training noted (run, nil where that is not known) and by the metadata of an
// ONNX file.
func sameFeatures(spec models.Spec, run *Identity, entries map[string]string) error {
	const fix = "train it again, or use the version of Etude that it comes from"
	if run != nil {
		for name, here := range dataset.FeatureVersions() {
			if v := run.Versions.Features[name]; v != 0 && v != here && strings.HasPrefix(name, spec.Name+".") {
				return fmt.Errorf("the network learned from version %d of the feature %s, and this is version %d: %s", v, name, here, fix)
			}
		}
	}
	const entry = "etude.preprocessing"
	if entries[entry] == "" || spec.Metadata == nil {
		return nil
	}
	var theirs, ours map[string]any
	own, _ := spec.Metadata()
	text, err := json.Marshal(own)
	if err == nil {
		err = json.Unmarshal(text, &ours)
	}
	if err == nil {
		err = json.Unmarshal([]byte(entries[entry]), &theirs)
	}
	if err != nil {
		return fmt.Errorf("metadata %s: %w", entry, err)
	}
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		if !reflect.DeepEqual(theirs[key], ours[key]) {
			return fmt.Errorf("the network learned from other features: its metadata %s has %s %v, and here it is %v: %s", entry, key, theirs[key], ours[key], fix)
		}
	}
	return nil
}
