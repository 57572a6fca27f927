// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package plain makes texts safe to print. Names of files, labels and tensors come from
// anywhere: a control character in one must not command the terminal, a line break must
// not begin a line of its own in a log, and a mark that turns the direction of writing
// must not let a name look like another one.
package plain

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns text on one line. Characters that cannot be printed, and bytes that are
// not UTF-8, are written as Go does in quotes: \n, \x1b, \u202e, \xff.
func Text(text string) string {
	if strings.IndexFunc(text, unprintable) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if unprintable(r) {
			b.WriteString(strings.Trim(strconv.Quote(text[:size]), `"`))
		} else {
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// Lines is [Text] for each line of a text.
func Lines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Text(line)
	}
	return strings.Join(lines, "\n")
}

// Sprintf formats like [fmt.Sprintf]. Line breaks are those of the format alone: in
// strings they are escaped, and errors of several lines are indented after the first.
func Sprintf(format string, args ...any) string {
	safe := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case string:
			safe[i] = Text(a)
		case error:
			safe[i] = indented(a.Error())
		default:
			safe[i] = a
		}
	}
	return Lines(fmt.Sprintf(format, safe...))
}

// indented lets no line but the first begin at the margin.
func indented(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines[1:] {
		if line != "" && !strings.HasPrefix(line, " ") {
			lines[i+1] = "    " + line
		}
	}
	return strings.Join(lines, "\n")
}

// Fprintf writes what [Sprintf] returns. Whoever prints keeps its writer's errors.
func Fprintf(w io.Writer, format string, args ...any) {
	_, _ = io.WriteString(w, Sprintf(format, args...))
}

// JSON escapes what cannot be printed in the strings of a JSON text, which
// [encoding/json] leaves as it is above ASCII.
func JSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < utf8.RuneSelf && r != '\x7f', unicode.IsPrint(r):
			out = append(out, text[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}
