// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// parseJSON reads {file: {valence, arousal, group?}}, keeping names that come
// twice, of which a map would keep the last.
func parseJSON(text []byte) ([]label, error) {
	text = quoteNaN(text)
	d := json.NewDecoder(bytes.NewReader(text))
	lines, counted := 1, int64(0) // what was counted is not counted again
	line := func() int {
		at := d.InputOffset()
		lines, counted = lines+bytes.Count(text[counted:at], []byte("\n")), at
		return lines
	}
	open, err := d.Token()
	if err != nil {
		return nil, jsonError(text, d.InputOffset(), err)
	}
	if open != json.Delim('{') {
		return nil, fmt.Errorf("expected an object, %s", wantedJSON)
	}
	var labels []label
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, jsonError(text, d.InputOffset(), err)
		}
		l := label{line: line()}
		l.name, _ = name.(string) // a key is never anything else
		var entry json.RawMessage
		if err := d.Decode(&entry); err != nil {
			return nil, jsonError(text, d.InputOffset(), err)
		}
		l.setJSON(entry)
		labels = append(labels, l)
	}
	if _, err := d.Token(); err != nil {
		return nil, jsonError(text, d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: something follows the end of the object: remove it", line())
	}
	return labels, nil
}

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

// jsonError says where a label file stops being JSON.
func jsonError(text []byte, offset int64, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err, offset = errors.New("the file ends too early"), int64(len(text))
	}
	line := 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
	return fmt.Errorf("line %d: %w: correct the JSON there", line, err)
}
