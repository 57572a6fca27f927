// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models"
)

// networks finds networks by their names, each once; "all" stands for all that
// exist.
func networks(names []string) ([]models.Spec, error) {
	var list []models.Spec
	for _, name := range names {
		found := slices.DeleteFunc(models.All(), func(s models.Spec) bool { return s.Name != name && name != "all" })
		if len(found) == 0 {
			return nil, fmt.Errorf("network %q is not known; there are %s", name, available())
		}
		for _, spec := range found {
			if !slices.ContainsFunc(list, func(s models.Spec) bool { return s.Name == spec.Name }) {
				list = append(list, spec)
			}
		}
	}
	return list, nil
}

// available lists the names of all networks.
func available() string { return strings.Join(models.Names(), ", ") }
