// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
)

// MAESTRO: maestro-v3.0.0/maestro-v3.0.0.csv, header
// "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration",
// and maestro-v3.0.0.json of the same content, which is
// {"midi_filename": {"0": "2018/….midi", …}, …} in version 3 and a list of records
// before; the files lie beside them, in folders by year (public loaders of all
// three versions). The csv is taken where both are there. The performances have
// no labels.
var maestro = collection{Info{
	Name:     "maestro",
	Title:    "MAESTRO: some 1,280 piano performances with velocities and pedal",
	Gives:    "training/dynamics_midi",
	Download: "maestro-v3.0.0-midi.zip from magenta.tensorflow.org/datasets/maestro",
	Licence:  "CC BY-NC-SA 4.0, as its users cite it",
}, readMAESTRO}

func readMAESTRO(_ context.Context, r *reader) error {
	indexes, err := r.find("name the folder that holds one, or the publisher's zip", "maestro-v[0-9]*.csv", "maestro-v[0-9]*.json")
	if err != nil {
		return err
	}
	names, err := r.maestroNames(indexes[0])
	if err != nil {
		return err
	}
	for _, name := range names {
		r.addListed(dynamicsKind, indexes[0], name, name, nil)
	}
	r.unused(dynamicsKind, "not in the index")
	return nil
}

// maestroNames returns the names of the MIDI files, from the index's folder on.
func (r *reader) maestroNames(index string) ([]string, error) {
	var names []string
	if path.Ext(index) == ".csv" {
		t, err := r.table(index, "midi_filename")
		if err != nil {
			return nil, err
		}
		for _, row := range t.rows {
			names = append(names, row.path("midi_filename"))
		}
		return names, nil
	}
	text, err := r.files.text(index)
	if err != nil {
		return nil, err
	}
	var records []struct {
		Name string `json:"midi_filename"`
	}
	var columns struct {
		Names map[string]string `json:"midi_filename"`
	}
	switch {
	case json.Unmarshal(text, &records) == nil:
		for _, record := range records {
			names = append(names, record.Name)
		}
	case json.Unmarshal(text, &columns) == nil && columns.Names != nil:
		names = slices.Sorted(maps.Values(columns.Names))
	default:
		return nil, fmt.Errorf(`%s: neither a list of records nor an object of columns with "midi_filename": take the publisher's file as it is`, index)
	}
	return names, nil
}
