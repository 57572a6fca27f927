// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// member is an entry of a JSON object. A list of them keeps, as a map does not,
// the order of the entries and those whose keys repeat.
type member struct {
	Key   string
	Value json.RawMessage
	line  int // of the key, from 1
}

// readObject reads text that is one JSON object. Errors name the line.
func readObject(text []byte) ([]member, error) {
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
		return nil, errors.New("not an object: expected an object")
	}
	var members []member
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, jsonError(text, d.InputOffset(), err)
		}
		m := member{line: line()}
		m.Key, _ = key.(string) // a key is never anything else
		if err := d.Decode(&m.Value); err != nil {
			return nil, jsonError(text, d.InputOffset(), err)
		}
		members = append(members, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, jsonError(text, d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: something follows the end of the object: remove it", line())
	}
	return members, nil
}

// writeObject writes a line for each member, which diffs and messages can name.
func writeObject(members []member) []byte {
	var b bytes.Buffer
	b.WriteString("{")
	for i, m := range members {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n%s: %s", RawJSON(m.Key), m.Value)
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}

// RawJSON writes a value that JSON can hold, and leaves & and < readable.
func RawJSON(v any) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}

// jsonError names the line where a label file stops being JSON.
func jsonError(text []byte, offset int64, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err, offset = errors.New("the file ends too early"), int64(len(text))
	}
	line := 1 + bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n"))
	return fmt.Errorf("line %d: %w: correct the JSON there", line, err)
}
