// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// mergeJSON adds labels to the text of {file: {valence, arousal, …}}, whose other
// entries stay as they are. Without anything to add, so does the text.
func mergeJSON(old []byte, items []*item, replace bool, c *conflicts) ([]byte, Merged, error) {
	entries, err := readObject(old)
	if err != nil {
		return nil, Merged{}, err
	}
	at := map[string][]int{}
	for n, e := range entries {
		at[e.key] = append(at[e.key], n)
	}
	var m Merged
	for _, i := range items {
		if len(at[i.name]) == 0 {
			m.Added++
			entries = append(entries, member{i.name, marshal(i.label)})
			continue
		}
		same := true
		for _, n := range at[i.name] {
			has := label{Valence: -2} // what no label has, where it says nothing
			if json.Unmarshal(entries[n].value, &has) == nil && has.same(*i.label) {
				continue
			}
			same = false
			if !replace {
				c.add(i.name, has, i.label)
			}
			entries[n].value = marshal(i.label)
		}
		if same {
			m.Unchanged++
		} else {
			m.Replaced++
		}
	}
	if m.Added+m.Replaced == 0 {
		return old, m, nil
	}
	return writeObject(entries), m, nil
}

// mergeProgressions does the same for the list of progressions, by their ids. The
// bare list, which the readers accept too, stays one.
func mergeProgressions(old []byte, list []progression, replace bool, c *conflicts) ([]byte, Merged, error) {
	if len(bytes.TrimSpace(old)) == 0 {
		old = nil
	}
	var entries []json.RawMessage
	var object []member
	where := -1
	if old != nil && json.Unmarshal(old, &entries) != nil {
		var err error
		if object, err = readObject(old); err != nil {
			return nil, Merged{}, err
		}
		where = slices.IndexFunc(object, func(m member) bool { return m.key == "progressions" })
		if where < 0 || json.Unmarshal(object[where].value, &entries) != nil {
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
			entries = append(entries, marshal(p))
			continue
		}
		var has progression
		if json.Unmarshal(entries[n], &has) == nil && bytes.Equal(marshal(has), marshal(p)) {
			m.Unchanged++
			continue
		}
		m.Replaced++
		if !replace {
			c.add(p.ID, has, p)
		}
		entries[n] = marshal(p)
	}
	if m.Added+m.Replaced == 0 {
		return old, m, nil
	}
	if old != nil && where < 0 {
		return append(writeList(entries), '\n'), m, nil
	}
	if where < 0 {
		where = len(object)
		object = append(object, member{key: "progressions"})
	}
	object[where].value = writeList(entries)
	return writeObject(object), m, nil
}

func (p progression) String() string {
	return fmt.Sprintf("%q by %q in %s, %d chords", p.Title, p.Artist, p.Key, len(p.Chords))
}

// member is an entry of an object; a map would lose their order and those that
// come twice.
type member struct {
	key   string
	value json.RawMessage
}

func readObject(text []byte) ([]member, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	wrong := func(err error) error {
		offset := d.InputOffset()
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = syntax.Offset
		}
		line := 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
		return fmt.Errorf("line %d: %w: correct the JSON there", line, err)
	}
	open, err := d.Token()
	if err != nil {
		return nil, wrong(err)
	}
	if open != json.Delim('{') {
		return nil, errors.New("not an object: remove the file or correct it")
	}
	var members []member
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, wrong(err)
		}
		m := member{}
		m.key, _ = key.(string) // a key is never anything else
		if err := d.Decode(&m.value); err != nil {
			return nil, wrong(err)
		}
		members = append(members, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, wrong(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, wrong(errors.New("something follows the end of the object"))
	}
	return members, nil
}

// writeObject writes a line an entry, which diffs and messages can name.
func writeObject(members []member) []byte {
	var b bytes.Buffer
	b.WriteString("{")
	for n, m := range members {
		fmt.Fprintf(&b, "%s\n%s: %s", comma(n), marshal(m.key), m.value)
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}

func writeList(entries []json.RawMessage) []byte {
	var b bytes.Buffer
	b.WriteString("[")
	for n, e := range entries {
		fmt.Fprintf(&b, "%s\n%s", comma(n), e)
	}
	b.WriteString("\n]")
	return b.Bytes()
}

func comma(n int) string {
	if n == 0 {
		return ""
	}
	return ","
}

// marshal leaves & and < readable. What it is given can always be written.
func marshal(v any) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}
