// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Progressions holds the text of a file of progressions, which is an object with the list
// "progressions" or that list alone.
type Progressions struct {
	Entries []json.RawMessage
	object  []member // nil: the list alone
	list    int      // its place in object
}

// ReadProgressions reads text that [DecodeText] has decoded. Errors name the line.
func ReadProgressions(text []byte) (*Progressions, error) {
	p := &Progressions{}
	err := json.Unmarshal(text, &p.Entries)
	if err == nil && p.Entries != nil {
		return p, nil
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		return nil, jsonError(text, 0, err)
	}
	if p.object, err = readObject(text); err != nil {
		return nil, err
	}
	for p.list = range p.object {
		m := p.object[p.list]
		if strings.EqualFold(m.Key, "progressions") && json.Unmarshal(m.Value, &p.Entries) == nil && p.Entries != nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf(`no list "progressions" in it: expected %s`, wantedChords)
}

// Text returns the file's new content: a line for each entry, and all else as it was.
func (p *Progressions) Text() []byte {
	var b bytes.Buffer
	b.WriteString("[")
	for n, e := range p.Entries {
		if n > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n%s", e)
	}
	b.WriteString("\n]")
	if p.object == nil {
		b.WriteString("\n")
		return b.Bytes()
	}
	p.object[p.list].Value = b.Bytes()
	return writeObject(p.object)
}
