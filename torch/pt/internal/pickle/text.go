// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// hex reads the n hexadecimal digits of an escape.
func hex(s string, from, n int) rune {
	if len(s) < from+n {
		fail.On(errEscape)
	}
	x, err := strconv.ParseUint(s[from:from+n], 16, 32)
	if err != nil || x > utf8.MaxRune {
		fail.On(errEscape)
	}
	return rune(x)
}

var errEscape = errors.New("a string with a broken escape")

// unquote reads a string as Python 2's repr writes it.
func unquote(s string) []byte {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '\'' && s[0] != '"' {
		fail.With("a string without quotes")
	}
	s = s[1 : len(s)-1]
	out := make([]byte, 0, len(s))
	for ; s != ""; s = s[1:] {
		if s[0] != '\\' {
			out = append(out, s[0])
			continue
		}
		if s = s[1:]; s == "" {
			fail.On(errEscape)
		}
		switch c := s[0]; c {
		case '\\', '\'', '"':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'x':
			out, s = append(out, byte(hex(s, 1, 2))), s[2:]
		default:
			fail.On(errEscape)
		}
	}
	return out
}

// unescape reads a str as raw-unicode-escape, in which bytes are Latin-1 and other
// characters are escaped.
func unescape(s string) string {
	out := make([]byte, 0, len(s))
	for ; s != ""; s = s[1:] {
		digits := 0
		if strings.HasPrefix(s, `\u`) {
			digits = 4
		} else if strings.HasPrefix(s, `\U`) {
			digits = 8
		}
		if digits == 0 {
			out = utf8.AppendRune(out, rune(s[0]))
			continue
		}
		out, s = appendRune(out, hex(s, 2, digits)), s[1+digits:]
	}
	return string(out)
}

// appendRune does the same as utf8.AppendRune, but keeps surrogates.
func appendRune(b []byte, r rune) []byte {
	if r < surrogateMin || r > surrogateMax {
		return utf8.AppendRune(b, r)
	}
	return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
}

const surrogateMin, surrogateMax = 0xd800, 0xdfff

// IsText reports whether b is the pickled form of a Python str: UTF-8 in which lone
// surrogates are allowed. Python uses them for bytes of file names that are not UTF-8.
func IsText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			if _, ok := surrogate(b); !ok {
				return false
			}
			n = 3
		}
		b = b[n:]
	}
	return true
}

// surrogate decodes a surrogate at the beginning of b.
func surrogate[T []byte | string](b T) (rune, bool) {
	if len(b) < 3 || b[0] != 0xed || b[1] < 0xa0 || b[1] > 0xbf || b[2]&0xc0 != 0x80 {
		return 0, false
	}
	return rune(b[0]&0xf)<<12 | rune(b[1]&0x3f)<<6 | rune(b[2]&0x3f), true
}

// Visible returns a text with surrogates as Python's repr writes them: \udce9.
func Visible(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		if r, ok := surrogate(s); ok {
			fmt.Fprintf(&b, `\u%04x`, r)
			s = s[3:]
			continue
		}
		_, n := utf8.DecodeRuneInString(s)
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String()
}
