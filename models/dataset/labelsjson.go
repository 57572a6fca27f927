// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"fmt"
	"regexp"
)

// jsonLabels holds {file: {valence, arousal, group?}}.
type jsonLabels struct{ members []member }

func readJSON(text []byte) (form, []label, error) {
	members, err := readObject(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%w, %s", err, wantedJSON)
	}
	all := make([]label, len(members))
	for i, m := range members {
		all[i] = label{name: m.Key, line: m.line}
		all[i].setJSON(m.Value)
	}
	return &jsonLabels{members}, all, nil
}

func (j *jsonLabels) set(n int, name string, l Label) {
	if n == len(j.members) {
		j.members = append(j.members, member{})
	}
	j.members[n] = member{Key: name, Value: RawJSON(l)}
}

func (j *jsonLabels) text() []byte { return writeObject(j.members) }

// stringOrNaN matches a string, or a word that Python's json module writes for a number.
var stringOrNaN = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"|-?Infinity|NaN`)

// quoteNaN makes strings of the bare NaN, Infinity and -Infinity that Python's
// json module writes, without a change of length, so that they spoil their own entry
// and not the file.
func quoteNaN(text []byte) []byte {
	if !bytes.Contains(text, []byte("NaN")) && !bytes.Contains(text, []byte("Infinity")) {
		return text
	}
	return stringOrNaN.ReplaceAllFunc(text, func(word []byte) []byte {
		word = bytes.Clone(word)
		word[0], word[len(word)-1] = '"', '"'
		return word
	})
}
