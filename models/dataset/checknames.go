// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/etude-ml/etude/models/music/audio"
)

// midiFiles are the endings of Standard MIDI Files: .kar has lyrics, .rmi a RIFF
// file around it.
var midiFiles = []string{".kar", ".mid", ".midi", ".rmi"}

// What sound and notes are also stored as.
var (
	soundExtensions = append(audio.Extensions(),
		".rf64", ".bwf", ".au", ".snd", ".caf", ".ogg", ".oga", ".m4a", ".aac", ".mp4", ".wma", ".wv", ".ape", ".alac", ".mp2",
		".mka", ".webm", ".amr", ".ac3", ".dts", ".dsf", ".raw",
	)
	noteExtensions = append(slices.Clone(midiFiles),
		".smf", ".mus", ".xmf", ".syx", ".mid2", ".midi2", ".musicxml", ".mxl", ".mscz", ".gp", ".gp3", ".gp4", ".gp5", ".abc",
	)
)

// names checks the names of the files, and lists other files that look like data. The
// folder is for files with the given extensions; holds describes these.
func (s *Section) names(x *index, extensions []string, holds string) {
	sameElsewhere := map[string]string{} // name in NFC and lower case → the first of the names
	for _, name := range x.names {
		if fault := nameFault(name); fault != "" {
			s.problem(LevelWarning, KindName, name, "%s", fault)
		}
		key := strings.ToLower(norm.NFC.String(name))
		other, ok := sameElsewhere[key]
		if !ok {
			sameElsewhere[key] = name
			continue
		}
		how := "case"
		if norm.NFC.String(name) == norm.NFC.String(other) {
			how = "Unicode form"
		}
		s.problem(LevelWarning, KindName, name, "the name differs from %q by its %s only, and is the same on other systems: rename one", other, how)
	}
	s.others(x, extensions, holds)
}

// nameFault describes what is wrong with a file's name.
func nameFault(name string) string {
	if !utf8.ValidString(name) {
		return fmt.Sprintf("the name %q is not UTF-8, and no label can name it: rename the file", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		switch trimmed := strings.TrimSuffix(part, path.Ext(part)); {
		case strings.ContainsFunc(part, unicode.IsControl):
			return fmt.Sprintf("the name %q holds control characters: rename the file", name)
		case strings.TrimSpace(part) != part || strings.TrimSpace(trimmed) != trimmed || strings.HasSuffix(part, "."):
			return fmt.Sprintf("the name %q begins or ends in spaces or a dot, which other systems drop: rename the file", name)
		}
	}
	return ""
}

// others lists the files that look like data and are not read.
func (s *Section) others(x *index, extensions []string, holds string) {
	byExtension := map[string][]string{}
	for name := range x.exists {
		if strings.HasPrefix(path.Base(name), ".") {
			continue
		}
		extension := strings.ToLower(path.Ext(name))
		trimmed := strings.TrimSpace(extension)
		switch {
		case slices.Contains(extensions, extension):
		case slices.Contains(extensions, trimmed):
			s.problem(LevelWarning, KindName, name, "the name %q ends in spaces, so the file is not read: rename it", name)
		case slices.Contains(soundExtensions, trimmed) || slices.Contains(noteExtensions, trimmed):
			byExtension[trimmed] = append(byExtension[trimmed], name)
		}
	}
	for extension, names := range byExtension {
		slices.Sort(names)
		s.OtherFiles = append(s.OtherFiles, OtherFiles{extension, names})
	}
	slices.SortFunc(s.OtherFiles, func(a, b OtherFiles) int { return strings.Compare(a.Extension, b.Extension) })
	for _, o := range s.OtherFiles {
		fix := "move them where they belong, or remove them"
		if kind := kindOf(o.Extension); slices.ContainsFunc(extensions, func(e string) bool { return kindOf(e) == kind }) {
			fix = "convert them, as the folder is for " + holds + ", or remove them"
		}
		s.add(LevelWarning, KindExtension, "%s with the extension %s in %s (%s): not read: %s",
			plural(len(o.Names), "file"), o.Extension, s.Folder, firstFew(o.Names), fix)
	}
}

// kindOf distinguishes sound from notes.
func kindOf(extension string) string {
	switch {
	case slices.Contains(soundExtensions, extension):
		return "sound"
	case slices.Contains(noteExtensions, extension):
		return "notes"
	}
	return ""
}
