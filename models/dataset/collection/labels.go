// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"path/filepath"

	"github.com/etude-ml/etude/models/dataset"
)

// mergeLabels adds the labels of items to the text of a label file, by the files
// below dir that its entries name. Without anything to add, the text stays as it
// is.
func mergeLabels(file, dir string, old []byte, items []*item, replace bool, c *conflicts) ([]byte, Merged, error) {
	var m Merged
	sheet, err := dataset.ReadSheet(file, old)
	if err != nil {
		return nil, m, err
	}
	names := make([]string, len(items))
	for n, i := range items {
		names[n] = i.name
	}
	entries, err := sheet.Entries(dir, names)
	if err != nil {
		return nil, m, err
	}
	for _, i := range items {
		if len(entries[i.name]) == 0 {
			m.Added++
			sheet.Set(sheet.Len(), i.name, *i.label)
			continue
		}
		same := true
		for _, n := range entries[i.name] {
			has, err := sheet.Label(n)
			if err == nil && has.Same(*i.label) {
				continue
			}
			same = false
			switch {
			case replace:
			case err != nil:
				c.add(i.name, "a label that cannot be used ("+filepath.Base(file)+" "+err.Error()+")", i.label.String())
			default:
				c.add(i.name, has.String(), i.label.String())
			}
			sheet.Set(n, i.name, *i.label)
		}
		if same {
			m.Unchanged++
		} else {
			m.Replaced++
		}
	}
	if m.Added+m.Replaced == 0 {
		return old, m, nil
	}
	return sheet.Text(), m, nil
}
