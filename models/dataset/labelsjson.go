// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// jsonLabels holds {file: {valence, arousal, group?}}.
type jsonLabels struct{ members []Member }

func parseJSON(text []byte) ([]label, error) {
	members, err := ReadObject(quoteNaN(text))
	if err != nil {
		return nil, fmt.Errorf("%w, %s", err, wantedJSON)
	}
	return jsonLabels{members}.labels(), nil
}

func (j jsonLabels) labels() []label {
	all := make([]label, len(j.members))
	for i, m := range j.members {
		all[i] = label{name: m.Key, line: m.line}
		all[i].setJSON(m.Value)
	}
	return all
}

func (j *jsonLabels) set(n int, name string, l Label) {
	if n == len(j.members) {
		j.members = append(j.members, Member{})
	}
	j.members[n] = Member{Key: name, Value: RawJSON(l)}
}

func (j *jsonLabels) text() []byte { return WriteObject(j.members) }

func (l *label) setJSON(entry json.RawMessage) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(entry, &fields); err != nil || fields == nil {
		l.fault = `expected an object {"valence": -1 to 1, "arousal": 0 to 1}`
		return
	}
	text := func(field string) string {
		if v := string(fields[field]); v != "null" {
			return v
		}
		return ""
	}
	l.set(text("valence"), text("arousal"))
	if l.fault == "" && text("group") != "" {
		// A number names a group as well as a string does.
		if json.Unmarshal(fields["group"], &l.group) != nil && json.Unmarshal(fields["group"], new(float64)) == nil {
			l.group = text("group")
		} else if json.Unmarshal(fields["group"], &l.group) != nil {
			l.fault = fmt.Sprintf("group is %s: write a string", text("group"))
		}
	}
}

// quoteNaN makes strings of the bare NaN, Infinity and -Infinity that Python's
// json module writes, in place and without a change of length, so that they
// spoil their own entry and not the file. A key is never touched: it is inside
// quotes.
func quoteNaN(text []byte) []byte {
	out := bytes.Clone(text)
	inside := false
	for i := 0; i < len(out); i++ {
		switch {
		case out[i] == '\\' && inside:
			i++
		case out[i] == '"':
			inside = !inside
		case !inside:
			for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
				if bytes.HasPrefix(out[i:], []byte(word)) {
					out[i], out[i+len(word)-1] = '"', '"'
					i += len(word) - 1
					break
				}
			}
		}
	}
	return out
}
