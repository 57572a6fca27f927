// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package plain

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// odd maps characters that command a terminal, or deceive readers, to the printed text.
var odd = map[string]string{
	"\n": `\n`, "\r": `\r`, "\t": `\t`, "\x00": `\x00`, "\x1b[31m": `\x1b[31m`, "\x7f": `\x7f`,
	"\u0085": `\u0085`, "\u009b31m": `\u009b31m`, // next line and CSI among the C1 controls
	"\u2028": `\u2028`, "\u2029": `\u2029`, // line and paragraph separator
	"\u202e": `\u202e`, "\u2066": `\u2066`, "\u200f": `\u200f`, "\u061c": `\u061c`, // direction of writing
	"\xff": `\xff`, "\xc3": `\xc3`, "\U000e0001": `\U000e0001`,
}

func TestText(t *testing.T) {
	for text, want := range odd {
		assert.Equal(t, "a"+want+"b", Text("a"+text+"b"))
	}
	for _, text := range []string{"", "plain", `C:\music`, "naïve 日本語 é 🎵", `say "hi"`} {
		assert.Equal(t, text, Text(text))
	}
}

func TestSprintf(t *testing.T) {
	for text, want := range odd {
		assert.Equal(t, "left out: a"+want+"b\nnext", Sprintf("left out: %s\nnext", "a"+text+"b"))
		if text != "\n" {
			assert.Equal(t, "etude: a"+want+"b", Sprintf("etude: %v", errors.New("a"+text+"b")))
		}
	}
	err := errors.Join(errors.New("one"), errors.New("two\n    more"), errors.New("etude: forged"))
	assert.Equal(t, "etude: one\n    two\n    more\n    etude: forged", Sprintf("etude: %v", err))
	assert.Equal(t, "3 of 4.50", Sprintf("%d of %.2f", 3, 4.5))
}

func TestJSON(t *testing.T) {
	for text := range odd {
		value := map[string]any{"name " + text: []any{"a" + text + "b", 1.5, nil, "\U0001f3b5 é"}}
		plain, err := json.MarshalIndent(value, "", "  ")
		require.NoError(t, err)
		safe := JSON(plain)
		assert.False(t, strings.ContainsFunc(string(safe), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }), "%q", safe)
		var was, is any
		require.NoError(t, json.Unmarshal(plain, &was))
		require.NoError(t, json.Unmarshal(safe, &is))
		assert.Equal(t, was, is)
		assert.Contains(t, string(safe), "\U0001f3b5 é")
	}
}
