// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxDigits = 3 * maxInt // of a number as text
	maxLine   = 1 << 30    // of a string as text
)

// asText carries out an opcode of the protocols 0 and 1, whose operand is a line of
// text.
func (d *decoder) asText(op byte) error {
	limit := maxDigits
	if op == opString || op == opUnicode {
		limit = maxLine
	}
	b, err := d.line(limit)
	if err != nil {
		return err
	}
	line := string(b)
	switch op {
	case opInt, opLong:
		switch {
		case op == opLong:
			line = strings.TrimSuffix(line, "L")
		case line == "00" || line == "01":
			return d.push(line == "01")
		}
		x, ok := new(big.Int).SetString(line, 10)
		if !ok {
			return fmt.Errorf("%.40q is not an int", line)
		}
		return d.pushInt(x)
	case opFloat:
		x, err := strconv.ParseFloat(line, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return fmt.Errorf("%.40q is not a float", line)
		}
		return d.fresh(x)
	case opString:
		s, err := unquote(line)
		if err != nil {
			return err
		}
		return d.pushOldString(s)
	}
	s, err := unescape(line)
	if err != nil {
		return err
	}
	return d.fresh(s)
}

var errEscape = errors.New("a string with a broken escape")

// unquote reads a string as Python 2's repr writes it.
func unquote(s string) ([]byte, error) {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '\'' && s[0] != '"' {
		return nil, errors.New("a string without quotes")
	}
	s = s[1 : len(s)-1]
	out := make([]byte, 0, len(s))
	for ; s != ""; s = s[1:] {
		if s[0] != '\\' {
			out = append(out, s[0])
			continue
		}
		if s = s[1:]; s == "" {
			return nil, errEscape
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
			if len(s) < 3 {
				return nil, errEscape
			}
			n, err := strconv.ParseUint(s[1:3], 16, 8)
			if err != nil {
				return nil, errEscape
			}
			out, s = append(out, byte(n)), s[2:]
		default:
			return nil, errEscape
		}
	}
	return out, nil
}

// unescape reads a str as raw-unicode-escape, in which bytes are Latin-1 and other
// characters are escaped.
func unescape(s string) (string, error) {
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
		if len(s) < 2+digits {
			return "", errEscape
		}
		n, err := strconv.ParseUint(s[2:2+digits], 16, 32)
		if err != nil || n > utf8.MaxRune {
			return "", errEscape
		}
		out, s = appendRune(out, rune(n)), s[1+digits:]
	}
	return string(out), nil
}

// appendRune is utf8.AppendRune, but for surrogates, which it keeps.
func appendRune(b []byte, r rune) []byte {
	if r < surrogateMin || r > surrogateMax {
		return utf8.AppendRune(b, r)
	}
	return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
}

const surrogateMin, surrogateMax = 0xd800, 0xdfff

// IsText reports whether b is what a Python str is pickled as: UTF-8 in which
// lone surrogates are allowed. They stand for bytes of file names that are not UTF-8.
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
