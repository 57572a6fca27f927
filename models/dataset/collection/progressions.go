// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
)

// mergeProgressions adds progressions to the text of a list of them, whose other
// entries stay as they are, by their ids. The bare list, which the readers accept
// too, stays one.
func mergeProgressions(old []byte, list []progression, replace bool, c *conflicts) ([]byte, Merged, error) {
	text, err := dataset.DecodeText(old)
	if err != nil {
		return nil, Merged{}, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		text = nil
	}
	var entries []json.RawMessage
	var object []dataset.Member
	where := -1
	if text != nil && json.Unmarshal(text, &entries) != nil {
		if object, err = dataset.ReadObject(text); err != nil {
			return nil, Merged{}, err
		}
		where = slices.IndexFunc(object, func(m dataset.Member) bool { return strings.EqualFold(m.Key, "progressions") })
		if where < 0 || json.Unmarshal(object[where].Value, &entries) != nil {
			return nil, Merged{}, errors.New(`no list "progressions" in it: remove the file or correct it`)
		}
	}
	at := map[string]int{}
	for n, e := range entries {
		var has struct {
			ID any `json:"id"`
		}
		if json.Unmarshal(e, &has) == nil && has.ID != nil {
			at[fmt.Sprint(has.ID)] = n
		}
	}
	var m Merged
	for _, p := range list {
		n, ok := at[p.ID]
		if !ok {
			m.Added++
			entries = append(entries, dataset.RawJSON(p))
			continue
		}
		var has progression
		if json.Unmarshal(entries[n], &has) == nil && bytes.Equal(dataset.RawJSON(has), dataset.RawJSON(p)) {
			m.Unchanged++
			continue
		}
		m.Replaced++
		if !replace {
			c.add(p.ID, has.String(), p.String())
		}
		entries[n] = dataset.RawJSON(p)
	}
	if m.Added+m.Replaced == 0 {
		return old, m, nil
	}
	if text != nil && where < 0 {
		return append(writeList(entries), '\n'), m, nil
	}
	if where < 0 {
		where = len(object)
		object = append(object, dataset.Member{Key: "progressions"})
	}
	object[where].Value = writeList(entries)
	return dataset.WriteObject(object), m, nil
}

func (p progression) String() string {
	return fmt.Sprintf("%q by %q in %s, %d chords", p.Title, p.Artist, p.Key, len(p.Chords))
}

func writeList(entries []json.RawMessage) []byte {
	var b bytes.Buffer
	b.WriteString("[")
	for n, e := range entries {
		if n > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n%s", e)
	}
	b.WriteString("\n]")
	return b.Bytes()
}
