// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"path"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
)

// ratings describes a collection of audio files that people rated, one file a
// row of an index.
type ratings struct {
	index                string // pattern of the names of its indexes
	id, valence, arousal string // columns; the audio file is called ID.mp3
	low, high            float64
	folder               string // where the audio is, in lower case
	derived              string
}

// read imports the files that have a rating. Each file is a group of its own.
func (a ratings) read(_ context.Context, r *reader) error {
	indexes, err := r.find("download the annotations too, and put them beside the audio files", a.index)
	if err != nil {
		return err
	}
	audio := map[string]string{}
	for _, name := range r.files.find(audioKind.has) {
		if first := audio[stem(name)]; first == "" || a.inFolder(name) && !a.inFolder(first) {
			audio[stem(name)] = name
		}
	}
	listed := map[string]string{}
	for _, index := range indexes {
		t, err := r.table(index, a.id, a.valence, a.arousal)
		if err != nil {
			return err
		}
		for _, row := range t.rows {
			id := row.get(a.id)
			first := listed[id]
			switch {
			case id == "":
				r.leave(row.where(), "%s is missing", a.id)
				continue
			case first != "":
				r.leave(row.where(), "%s %s is listed already, in %s: that rating is taken", a.id, id, first)
				continue
			}
			listed[id] = row.where()
			valence, arousal, ok := r.rating(row, a.valence, a.arousal, a.low, a.high)
			switch from := audio[id]; {
			case !ok:
			case from == "":
				r.leave(id, "no audio file for this label")
			default:
				r.add(audioKind, r.files, from, path.Base(from), &dataset.Label{
					Valence: rescale(valence, a.low, a.high, -1, 1), Arousal: rescale(arousal, a.low, a.high, 0, 1), Derived: a.derived,
				})
			}
		}
	}
	r.unused(audioKind, "no usable label for this file")
	return nil
}

// inFolder reports whether a file is in the folder that the publisher has the audio in:
// others hold features or whole songs under the same numbers.
func (a ratings) inFolder(name string) bool {
	return strings.EqualFold(path.Base(path.Dir(name)), a.folder)
}
