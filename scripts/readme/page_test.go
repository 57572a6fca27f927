// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package readme

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// page returns README.md and the pages on running and searching that belong to it.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	running, err := os.ReadFile("../../.github/docs/running.md")
	require.NoError(t, err)
	searching, err := os.ReadFile("../../.github/docs/searching.md")
	require.NoError(t, err)
	return string(text) + string(running) + string(searching)
}

// block is a fenced block of the page.
type block struct {
	heading  string // the nearest one above
	language string
	text     string
}

var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$|^#+ ([^\n]+)$")

func blocks(t *testing.T, languages ...string) []block {
	var list []block
	heading := ""
	for _, m := range fenced.FindAllStringSubmatch(page(t), -1) {
		if m[3] != "" {
			heading = m[3]
			continue
		}
		for _, l := range languages {
			if m[1] == l {
				list = append(list, block{heading, l, m[2]})
			}
		}
	}
	require.NotEmpty(t, list)
	return list
}

// example returns the one block under a heading in a language.
func example(t *testing.T, heading, language string) string {
	var found []string
	for _, b := range blocks(t, language) {
		if b.heading == heading {
			found = append(found, b.text)
		}
	}
	require.Len(t, found, 1, "%s in %s", language, heading)
	return found[0]
}

// spans returns the commands between backticks in the text around the blocks.
func spans(t *testing.T, command string) []string {
	text := fenced.ReplaceAllString(page(t), "")
	var list []string
	for _, m := range regexp.MustCompile("`("+command+"\\s[^`]+)`").FindAllStringSubmatch(text, -1) {
		list = append(list, strings.Join(strings.Fields(m[1]), " "))
	}
	require.NotEmpty(t, list)
	return list
}

// absent skips a test because something is missing, or fails it where nothing may be.
func absent(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("ETUDE_TEST_REQUIRE_PYTHON") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}
