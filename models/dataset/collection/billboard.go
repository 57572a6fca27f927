// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// McGill Billboard: McGill-Billboard/0003/salami_chords.txt, a folder a song; the
// format is in salami.go. The index billboard-2.0-index.csv holds charts and is
// not read.
var billboard = collection{Info{
	Name:     "billboard",
	Title:    "McGill Billboard: chords of 890 entries of the American charts, 739 different songs",
	Gives:    "training/chords/chord_progressions.json",
	Download: "billboard-2.0-salami_chords.tar.gz of the McGill DDMAL laboratory, unpacked",
	Licence:  "CC0 1.0; cite Burgoyne, Wild, Fujinaga, ISMIR 2011",
}, readBillboard}

func readBillboard(ctx context.Context, r *reader) error {
	songs, err := r.find("unpack the archive, and name the folder that holds a folder a song", "salami_chords.txt")
	if err != nil {
		return err
	}
	from := map[string]string{}
	for _, name := range songs {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := r.name + "/" + path.Base(path.Dir(name))
		if other, ok := from[id]; ok {
			r.leave(name, "another song has the same number: %s", other)
			continue
		}
		from[id] = name
		text, err := r.files.text(name)
		if err != nil {
			r.leave(name, "%v", err)
			continue
		}
		p, faults, err := parseSALAMI(string(text))
		if err != nil {
			r.leave(name, "%v", err)
			continue
		}
		for _, fault := range faults {
			r.leave(fmt.Sprintf("%s line %d", name, fault.line), "%s", strings.TrimSpace(fault.reason))
		}
		p.ID = id
		r.progressions = append(r.progressions, p)
	}
	return nil
}
