// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package filekind

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Files that libsndfile, numpy and Python have written.
func TestFilesOfOthers(t *testing.T) {
	text, err := os.ReadFile("testdata/kinds.json")
	require.NoError(t, err)
	var files map[string]struct {
		Kind string
		Head []byte
	}
	require.NoError(t, json.Unmarshal(text, &files))
	require.Greater(t, len(files), 25)
	for name, f := range files {
		kind, remedy := Of(f.Head)
		assert.Equal(t, f.Kind, kind, name)
		assert.NotEmpty(t, remedy, name)
	}
}

// What no tool at hand writes is taken from the formats' descriptions.
func TestMarks(t *testing.T) {
	// Two frames of AAC: MPEG-4, no checksum; 0x20 and 0x10 bytes by the 13 bits
	// from the 31st on (ISO/IEC 13818-7, 6.2).
	aac := "\xff\xf1\x50\x80\x04\x1f\xfc" + strings.Repeat("x", 25) + "\xff\xf1\x50\x80\x02\x1f\xfc" + strings.Repeat("x", 9)
	stream := strings.Repeat("\x47"+strings.Repeat("\x00", 187), 3)
	for head, want := range map[string]string{
		aac:     "an AAC file",
		aac[4:]: "",
		"\xff\xf1\x50\x80\x04\x1f\xfc" + strings.Repeat("x", 60): "", // no second frame
		"\xff\xfb\x90\xc4" + strings.Repeat("\x00", 100):         "", // an MP3
		stream:                     "an MPEG transport stream",
		stream[:188]:               "",
		"\x00\x00\x00\x20ftypM4A ": "an MP4 file",
		"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c": "a WMA (ASF) file",
		"wvpk\x00":                      "a WavPack file",
		"\x1a\x45\xdf\xa3":              "a Matroska or WebM file",
		"RIFF\x10\x00\x00\x00AVI LIST":  "an AVI film",
		"\x00\x05\x16\x07\x00\x02":      "an AppleDouble file, in which macOS keeps attributes of another",
		"/annex/objects/SHA256E-s5--1":  "a git-annex pointer, not the file itself",
		"\xef\xbb\xbf\n <!DOCTYPE html": "an HTML page",
		"<HTML><body>":                  "an HTML page",
		"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>":   "an XML document",
		"{\"error\": \"not found\"}":                                "a JSON document",
		"{\\rtf1\\ansi":                                             "an RTF document",
		"version https://git-lfs.github.com/spec/v1\noid sha256:4d": "a git-lfs pointer, not the file itself",
		"":  "",
		"P": "",
	} {
		kind, _ := Of([]byte(head))
		assert.Equal(t, want, kind, "%q", head)
	}
}

// No mark hides another behind it, and each says what to do.
func TestMarksAreReached(t *testing.T) {
	for _, m := range marks {
		head := make([]byte, m.At+len(m.Bytes))
		copy(head[m.At:], strings.ReplaceAll(m.Bytes, "?", "\x01"))
		kind, remedy := Of(head)
		assert.Equal(t, m.Kind, kind, "%q", m.Bytes)
		assert.NotEmpty(t, remedy)
		assert.LessOrEqual(t, len(head), HeadSize)
	}
}
