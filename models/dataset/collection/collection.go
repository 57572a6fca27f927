// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package collection brings published collections of music into the folder that
// package dataset reads.
//
// Each collection's file says where its layout and its value ranges were taken
// from. Files go into a folder of the collection's name, so that two collections
// may hold the same name; label files name them by that path:
//
//	DATA/training/audio/deam/12.mp3            labels.csv: deam/12.mp3,-0.475,0.25,,rescaled from 1 to 9
//	DATA/training/midi/emopia/Q1_x_0.mid       emotion_labels.json
//	DATA/training/dynamics_midi/maestro/2018/…
//	DATA/training/drums/groove/drummer1/…      drum_labels.json
//	DATA/training/chords/                      chord_progressions.json
//
// A number that is not the publisher's own is marked: a field "derived" of its
// label says what it was made from. A missing label is not made up: the file is
// skipped and listed with the reason.
//
// Files are hard links where the file system has them, so that a change in one place
// is one in the other; otherwise they are copies. A file takes its name when it is
// complete. Label files are written last, and keep what they held.
package collection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch/data"
)

// Names lists the collections that can be imported.
func Names() []string {
	names := make([]string, len(collections))
	for i, c := range collections {
		names[i] = c.Name
	}
	return names
}

// List describes the collections, in the order of [Names].
func List() []Info {
	list := make([]Info, len(collections))
	for i, c := range collections {
		list[i] = c.Info
	}
	return list
}

// Import brings the collection called name from o.From into o.To. Done again, it
// changes nothing. A report with nothing imported is not an error: its LeftOut says
// why.
//
// Import returns an error for a name that is not among [Names]; for a folder or
// archive that cannot be read, holds no such collection, or (an archive) a link or a
// path that leads out of it; for an index without the columns that it should have;
// for a label or file in DATA that differs, unless o.Replace; for DATA that cannot be
// written; and when ctx ends. Label files are then as they were; files that were
// placed before stay, and a further import accepts them.
func Import(ctx context.Context, name string, o Options) (*Report, error) {
	i := slices.IndexFunc(collections, func(c collection) bool { return c.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("collection: %q is not known; there are %s", name, strings.Join(Names(), ", "))
	}
	report, err := collections[i].run(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("collection: %s: %w", name, err)
	}
	return report, nil
}

var collections = []collection{deam, pmemo, emopia, vgmidi, maestro, groove, billboard, emodb}

func (c collection) run(ctx context.Context, o Options) (*Report, error) {
	if o.From == "" || o.To == "" {
		return nil, errors.New("name the folder or archive of the collection, and the data folder that it is to go to")
	}
	files, err := openSource(ctx, o.From, o.To)
	if err != nil {
		return nil, err
	}
	defer files.close()
	r := &reader{name: c.Name, files: files, taken: map[string]string{}}
	for _, name := range files.unusable {
		r.leave(name, "the file name is not UTF-8")
	}
	if err := c.read(ctx, r); err != nil {
		return nil, fmt.Errorf("%s: %w", o.From, err)
	}
	slices.SortFunc(r.items, func(a, b *item) int { return cmp.Compare(a.name, b.name) })
	slices.SortFunc(r.progressions, func(a, b progression) int { return cmp.Compare(a.ID, b.ID) })
	p := &plan{reader: r, Options: o}
	kinds, err := p.carryOut(ctx)
	if err != nil {
		return nil, err
	}
	report := &Report{Collection: c.Name, From: o.From, To: o.To, Kinds: kinds, LeftOut: r.leftOut}
	if report.LeftOut == nil {
		report.LeftOut = []data.Skip{}
	}
	return report, nil
}
