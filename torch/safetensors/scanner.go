// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package safetensors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// scanner reads JSON token by token. The standard decoder's tokens take 20 times as
// long, half a minute for the largest header that is allowed.
type scanner struct {
	text []byte
	at   int
}

// peek skips white space and returns the byte after it.
func (s *scanner) peek() (byte, error) {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c, nil
		}
	}
	return 0, io.ErrUnexpectedEOF
}

// token reads a string, a json.Delim, a json.Number, or nil, true or false.
func (s *scanner) token() (any, error) {
	c, err := s.peek()
	if err != nil {
		return nil, err
	}
	switch c {
	case '{', '}', '[', ']':
		s.at++
		return json.Delim(c), nil
	case '"':
		return s.string()
	}
	n := bytes.IndexAny(s.text[s.at:], " \t\r\n,:{}[]\"")
	if n < 0 {
		n = len(s.text) - s.at
	}
	word := string(s.text[s.at : s.at+n])
	s.at += n
	switch word {
	case "null":
		return nil, nil
	case "true", "false":
		return word == "true", nil
	}
	if n == 0 || word[0] != '-' && (word[0] < '0' || word[0] > '9') {
		return nil, fmt.Errorf("%q stands where a value should", clip(string(s.text[s.at-n:min(len(s.text), s.at+1)])))
	}
	return json.Number(word), nil
}

func (s *scanner) string() (any, error) {
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '\\':
			i++
		case c < ' ':
			return nil, fmt.Errorf("a control character, %q, stands in a text", c)
		case c == '"':
			quoted := s.text[s.at : i+1]
			s.at = i + 1
			if bytes.IndexByte(quoted, '\\') < 0 {
				return string(quoted[1 : len(quoted)-1]), nil
			}
			var text string
			err := json.Unmarshal(quoted, &text)
			return text, err
		}
	}
	return nil, io.ErrUnexpectedEOF
}

// delim reads one bracket.
func (s *scanner) delim(want json.Delim) error {
	t, err := s.token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%s stands where %v should", clip(fmt.Sprint(t)), want)
	}
	return nil
}

// expect reads one byte.
func (s *scanner) expect(want byte) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c != want {
		return fmt.Errorf("%q stands where %q should", c, want)
	}
	s.at++
	return nil
}

// end reads the end of a list or object, or the comma before the next item.
func (s *scanner) end(bracket byte, first bool) (bool, error) {
	c, err := s.peek()
	if err != nil {
		return false, err
	}
	if c == bracket {
		s.at++
		return true, nil
	}
	if first {
		return false, nil
	}
	return false, s.expect(',')
}
