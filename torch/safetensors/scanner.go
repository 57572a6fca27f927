// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package safetensors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// scanner reads JSON token by token; its methods fail, see package fail. The standard
// decoder's tokens take 20 times as long, half a minute for the largest header that
// is allowed.
type scanner struct {
	text []byte
	at   int
}

// peek skips white space and returns the byte after it.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	fail.On(io.ErrUnexpectedEOF)
	return 0
}

// token reads a string, a json.Delim, a json.Number, or nil, true or false.
func (s *scanner) token() any {
	switch c := s.peek(); c {
	case '{', '}', '[', ']':
		s.at++
		return json.Delim(c)
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
		return nil
	case "true", "false":
		return word == "true"
	}
	if n == 0 || word[0] != '-' && (word[0] < '0' || word[0] > '9') {
		fail.With("%q stands where a value should", fail.Clip(string(s.text[s.at-n:min(len(s.text), s.at+1)])))
	}
	return json.Number(word)
}

func (s *scanner) string() (text string) {
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '\\':
			i++
		case c < ' ':
			fail.With("a control character, %q, stands in a text", c)
		case c == '"':
			quoted := s.text[s.at : i+1]
			s.at = i + 1
			if bytes.IndexByte(quoted, '\\') < 0 {
				return string(quoted[1 : len(quoted)-1])
			}
			fail.On(json.Unmarshal(quoted, &text))
			return text
		}
	}
	fail.On(io.ErrUnexpectedEOF)
	return ""
}

// delim reads one bracket.
func (s *scanner) delim(want json.Delim) {
	if t := s.token(); t != want {
		fail.With("%s stands where %v should", fail.Clip(fmt.Sprint(t)), want)
	}
}

// expect reads one byte.
func (s *scanner) expect(want byte) {
	if c := s.peek(); c != want {
		fail.With("%q stands where %q should", c, want)
	}
	s.at++
}

// each calls item for each item of a list or object that begins before the scanner
// and ends with a bracket.
func (s *scanner) each(bracket byte, item func()) {
	for first := true; s.peek() != bracket; first = false {
		if !first {
			s.expect(',')
		}
		item()
	}
	s.at++
}

// object reads an object whose values the function reads.
func (s *scanner) object(value func(key string)) {
	seen := map[string]bool{}
	s.delim('{')
	s.each('}', func() {
		t := s.token()
		key, ok := t.(string)
		if !ok {
			fail.With("%v stands where a key should", t)
		}
		if seen[key] {
			fail.With("the key %q is there twice", fail.Clip(key))
		}
		seen[key] = true
		s.expect(':')
		value(key)
	})
}

// numbers reads a list of at most n numbers from 0.
func (s *scanner) numbers(n int) []int64 {
	list := []int64{}
	s.delim('[')
	s.each(']', func() {
		t := s.token()
		number, ok := t.(json.Number)
		x, err := number.Int64()
		if !ok || err != nil || x < 0 || number[0] == '-' || number[0] == '+' || number[0] == '0' && len(number) > 1 {
			fail.With("%s stands where a whole number from 0 should", fail.Clip(fmt.Sprint(t)))
		}
		if len(list) == n {
			fail.With("more than %d numbers", n)
		}
		list = append(list, x)
	})
	return list
}
