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

// plan is an import about to be carried out.
type plan struct {
	*reader
	Options
	done int // files
}

// carryOut places files, then writes label files. What can be known to go wrong
// is found before anything is written.
func (p *plan) carryOut(ctx context.Context) ([]Count, error) {
	for _, k := range kinds {
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
	// From here on an interrupt comes too late: all label files, or none.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	counts := []Count{}
	for _, k := range kinds {
		merged, err := p.merge(k)
		if err != nil {
			return nil, err
		}
		count := p.count(k)
		if count.Imported == 0 {
			continue
		}
		count.Folder = k.dir(p.To)
		count.Labels = merged.Merged
		if k.labels != "" {
			count.LabelFile = merged.file
		}
		if merged.changed {
			if err := os.MkdirAll(filepath.Dir(merged.file), 0o777); err != nil {
				return nil, err
			}
			if err := wholefile.Write(merged.file, merged.text); err != nil {
				return nil, err
			}
		}
		counts = append(counts, count)
	}
	return counts, nil
}

func (p *plan) count(k *kind) Count {
	c := Count{Kind: k.name}
	for _, i := range p.items {
		if i.kind != k {
			continue
		}
		switch i.state {
		case linked:
			c.Linked++
		case copied:
			c.Copied++
		case unchanged:
			c.Unchanged++
		case waiting, failed:
		}
	}
	c.Imported = c.Linked + c.Copied + c.Unchanged
	if k == chordsKind {
		c.Imported = len(p.progressions)
	}
	return c
}

// merging holds the new content of a label file.
type merging struct {
	Merged
	file    string
	text    []byte
	changed bool
}

// merge joins what DATA has with what the collection has, of one kind.
func (p *plan) merge(k *kind) (merging, error) {
	file, _ := dataset.LabelFile(k.dir(p.To), k.labels)
	m := merging{file: file}
	var labelled []*item
	for _, i := range p.items {
		if i.kind == k && i.state != failed {
			labelled = append(labelled, i)
		}
	}
	if k.labels == "" || len(labelled) == 0 && (k != chordsKind || len(p.progressions) == 0) {
		return m, nil
	}
	old, err := dataset.ReadRaw(m.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	var c conflicts
	if k == chordsKind {
		m.text, m.Merged, err = mergeProgressions(old, p.progressions, p.Replace, &c)
	} else {
		m.text, m.Merged, err = mergeLabels(m.file, k.dir(p.To), old, labelled, p.Replace, &c)
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w", m.file, err)
	}
	m.changed = !bytes.Equal(m.text, old)
	return m, c.err(m.file)
}

// conflicts counts the labels that differ from those in DATA.
type conflicts struct {
	count int
	first string
}

func (c *conflicts) add(name, has, given string) {
	if c.count++; c.count == 1 {
		c.first = fmt.Sprintf("%s has %s there, and %s in the collection", name, has, given)
	}
}

func (c *conflicts) err(file string) error {
	if c.count == 0 {
		return nil
	}
	more := ""
	if c.count > 1 {
		more = fmt.Sprintf("; %d more differ", c.count-1)
	}
	return fmt.Errorf("%s: %s%s: correct the file, or give --replace to take the collection's", file, c.first, more)
}
