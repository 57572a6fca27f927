// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch/wholefile"
)

// carryOut places files, then writes label files. What can be known to go wrong
// is found before anything is written.
func (p *plan) carryOut(ctx context.Context) ([]Count, error) {
	p.counts = map[*kind]*Count{}
	for _, k := range kinds {
		p.counts[k] = &Count{Kind: k.name, Folder: k.dir(p.To)}
		if _, err := p.merge(k); err != nil {
			return nil, err
		}
	}
	if err := p.unpackable(); err != nil {
		return nil, err
	}
	if err := p.compare(ctx); err != nil {
		return nil, err
	}
	if err := p.place(ctx); err != nil {
		return nil, err
	}
	// From here on an interrupt has no effect: either all label files are written, or none.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	counts := []Count{}
	for _, k := range kinds {
		c := p.counts[k]
		c.Imported = c.Linked + c.Copied + c.Unchanged
		if k == chordsKind {
			c.Imported = len(p.progressions)
		}
		if c.Imported == 0 {
			continue
		}
		text, err := p.merge(k)
		if err != nil {
			return nil, err
		}
		if text != nil {
			if err := os.MkdirAll(filepath.Dir(c.LabelFile), 0o777); err != nil {
				return nil, err
			}
			if err := wholefile.Write(c.LabelFile, text); err != nil {
				return nil, err
			}
		}
		counts = append(counts, *c)
	}
	return counts, nil
}

// merge joins the labels that DATA has with those of the collection, of one kind, and
// counts them. It returns the new content of the label file, or nil if that is the old
// one.
func (p *plan) merge(k *kind) ([]byte, error) {
	var names []string
	labels := map[string]dataset.Label{}
	for _, i := range p.items {
		if i.kind == k && !i.failed && i.label != nil {
			names = append(names, i.name)
			labels[i.name] = *i.label
		}
	}
	if k.labels == "" || len(names) == 0 && (k != chordsKind || len(p.progressions) == 0) {
		return nil, nil
	}
	file, _ := dataset.LabelFile(k.dir(p.To), k.labels)
	p.counts[k].LabelFile = file
	old, err := dataset.ReadRaw(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var c conflicts
	var text []byte
	if k == chordsKind {
		text, p.counts[k].Labels, err = mergeProgressions(old, p.progressions, p.Replace, &c)
	} else {
		text, p.counts[k].Labels, err = dataset.MergeLabels(file, k.dir(p.To), old, names, labels, func(name, has string) {
			if !p.Replace {
				c.add(name, has, labels[name].String())
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if bytes.Equal(text, old) {
		text = nil
	}
	return text, c.err(file)
}
