// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch/data"
)

// kind is a kind of training data: a folder, and a label file in it.
type kind struct {
	name           string
	folder, labels string   // see package dataset; labels is empty where there is none
	extensions     []string // lower case
	most           int64    // bytes of a file, as far as an archive is believed
}

var (
	midiFiles = []string{".mid", ".midi"}

	audioKind    = &kind{"audio", dataset.AudioFolder, dataset.AudioLabels, []string{".mp3", ".wav", ".flac"}, 4 << 30}
	midiKind     = &kind{"midi", dataset.MIDIFolder, dataset.MIDILabels, midiFiles, 64 << 20}
	dynamicsKind = &kind{"dynamics", dataset.DynamicsFolder, "", midiFiles, 64 << 20}
	drumsKind    = &kind{"drums", dataset.DrumsFolder, dataset.DrumLabels, midiFiles, 64 << 20}
	chordsKind   = &kind{"chords", dataset.ChordsFolder, dataset.ChordsFile, nil, 0}

	kinds = []*kind{audioKind, midiKind, dynamicsKind, drumsKind, chordsKind}
)

// dir returns the kind's folder in DATA, where the readers will look.
func (k *kind) dir(to string) string {
	dir, _ := dataset.Folder(to, k.folder)
	return dir
}

// has reports whether a file is of the kind, by its name.
func (k *kind) has(name string) bool {
	return slices.Contains(k.extensions, strings.ToLower(path.Ext(name)))
}

// item is a file to be imported.
type item struct {
	kind  *kind
	files *source        // which holds it
	from  string         // its name there
	name  string         // its path below the kind's folder, with slashes
	label *dataset.Label // nil where the kind has none
	// placed: DATA has the file. failed: it could not be read or placed, and was left out.
	placed, failed bool
}

// reader holds the files of a collection, and what was found in them so far.
type reader struct {
	name         string // of the collection, and of the folder for its files
	files        *source
	items        []*item
	progressions []progression
	leftOut      []data.Skip
	taken        map[string]string // kind and name of each item → where it is from
}

// collection is a published collection and how it is read.
type collection struct {
	Info
	// read finds the files and labels. Its error is about the collection as a whole.
	read func(context.Context, *reader) error
}

// leave reports something that is not imported.
func (r *reader) leave(name, format string, args ...any) {
	r.leftOut = append(r.leftOut, data.Skip{Name: name, Reason: fmt.Sprintf(format, args...)})
}

// add imports a file under a name below the collection's folder.
func (r *reader) add(k *kind, files *source, from, name string, l *dataset.Label) {
	name = r.name + "/" + name
	key := k.name + "/" + name
	if other, ok := r.taken[key]; ok {
		r.leave(from, "another file has the same name: %s", other)
		return
	}
	r.taken[key] = from
	r.items = append(r.items, &item{kind: k, files: files, from: from, name: name, label: l})
}

// find returns the files whose base names match one of the patterns, the shallowest
// first: those of the first pattern that any file matches. Without one it is an error,
// which ends with what to do.
func (r *reader) find(fix string, patterns ...string) ([]string, error) {
	for _, pattern := range patterns {
		found := r.files.find(func(base string) bool {
			ok, _ := path.Match(pattern, base) // the patterns are sound
			return ok
		})
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, fmt.Errorf("no file %s in it: %s", strings.ReplaceAll(strings.Join(patterns, " or "), "[0-9]*", "3.0.0"), fix)
}

// addListed imports a file that an index names by a path from its own folder on.
// where is what the report calls the entry.
func (r *reader) addListed(k *kind, index, name, where string, l *dataset.Label) {
	from := path.Join(path.Dir(index), name)
	switch {
	case !fs.ValidPath(name):
		r.leave(where, "the index names a file outside of its folder")
	case !k.has(name):
		r.leave(where, "not called .mid or .midi")
	case !r.files.has(from):
		r.leave(name, "no MIDI file for this entry of the index")
	default:
		r.add(k, r.files, from, name, l)
	}
}

// addNamed imports the files of some kinds whose names tell their labels: label gets
// the parts of a name that the pattern finds, and returns nil for a file that it has
// left out. says describes the names, and folder is where the files usually are. The
// stems of all files that match come back; it is an error if there are none.
func (r *reader) addNamed(pattern *regexp.Regexp, says, what, folder string, label func(name string, parts []string) *dataset.Label, kinds ...*kind) (map[string]bool, error) {
	found := map[string]bool{}
	for _, name := range r.files.names {
		i := slices.IndexFunc(kinds, func(k *kind) bool { return k.has(name) })
		if i < 0 {
			continue
		}
		parts := pattern.FindStringSubmatch(stem(name))
		if parts == nil {
			r.leave(name, "not called %s", says)
			continue
		}
		found[stem(name)] = true
		if l := label(name, parts); l != nil {
			r.add(kinds[i], r.files, name, path.Base(name), l)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no %s file called %s: name the folder that holds %s/", what, says, folder)
	}
	return found, nil
}

// unused reports the files of a kind that no label named.
func (r *reader) unused(k *kind, reason string) {
	used := map[string]bool{}
	for _, i := range r.items {
		if i.files == r.files {
			used[i.from] = true
		}
	}
	for _, s := range r.leftOut {
		used[s.Name] = true
	}
	for _, name := range r.files.names {
		if k.has(name) && !used[name] {
			r.leave(name, "%s", reason)
		}
	}
}

// stem returns a file's name without folder and extension.
func stem(name string) string {
	base := path.Base(name)
	return strings.TrimSuffix(base, path.Ext(base))
}
