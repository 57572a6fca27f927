// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package inspect

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGuess(t *testing.T) {
	for head, want := range map[string]string{
		"see the other file":        "a text file",
		"déjà vu\r\n\tcut: \xc3":    "a text file",
		"\xff\xfea\x00b\x00":        "a text file",
		"caf\xe9 au lait":           "",
		"\xff\xfb":                  "",
		"a\x01":                     "",
		strings.Repeat("\x00", 100): "a file that begins with zeros only",
	} {
		kind, _ := Guess([]byte(head))
		assert.Equal(t, want, kind, "%q", head)
	}
}

// No mark hides another behind it, and each says what to do.
func TestMarksAreReached(t *testing.T) {
	for _, m := range marks {
		head := make([]byte, m.At+len(m.Bytes))
		copy(head[m.At:], strings.ReplaceAll(m.Bytes, "?", "\x01"))
		kind, remedy := Kind(head)
		assert.Equal(t, m.Kind, kind, "%q", m.Bytes)
		assert.NotEmpty(t, remedy)
		assert.LessOrEqual(t, len(head), 512)
	}
}
