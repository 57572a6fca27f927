// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package inspect

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The advice for a kind of file.
const (
	unpack   = "unpack it first"
	download = "the download failed, so download the file again"
	replace  = "put the right file in its place"
)

// Mark describes the bytes at a place that are the mark of a kind of file. A '?' stands for any byte.
type Mark struct {
	At           int
	Bytes        string
	Kind, Remedy string
}

// marks are of files that may stand in the place of any other. They are taken from the
// table of file(1), from the WHATWG's MIME Sniffing standard, and from the formats' own
// documents.
var marks = []Mark{
	// Packed files.
	{0, "PK\x03\x04", "a zip archive", unpack},
	{0, "PK\x05\x06", "a zip archive", unpack},
	{0, "PK\x07\x08", "a zip archive", unpack},
	{0, "\x1f\x8b\x08", "a gzip file", unpack},
	{0, "BZh", "a bzip2 file", unpack},
	{0, "\xfd7zXZ\x00", "an xz file", unpack},
	{0, "\x28\xb5\x2f\xfd", "a zstd file", unpack},
	{0, "\x04\x22\x4d\x18", "an lz4 file", unpack},
	{0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive", unpack},
	{0, "Rar!\x1a\x07", "a RAR archive", unpack},
	{257, "ustar", "a tar archive", unpack},
	{2, "-lh", "an LHA archive", unpack},

	// What stands in for a file.
	{0, "version https://git-lfs.github.com/spec/", "a git-lfs pointer, not the file itself", "run git lfs pull"},
	{0, "/annex/objects/", "a git-annex pointer, not the file itself", "run git annex get"},
	{0, "\x00\x05\x16\x07", "an AppleDouble file, in which macOS keeps attributes of another", "leave it out"},
	{0, "\x00\x05\x16\x00", "an AppleSingle file", unpack},
	{0, "Mac OS X        ", "an AppleDouble file, in which macOS keeps attributes of another", "leave it out"},
	{0, "L\x00\x00\x00\x01\x14\x02\x00", "a Windows shortcut", replace},
	{0, "bplist00", "a property list", replace},

	// Other files.
	{0, "%PDF-", "a PDF document", replace},
	{0, "%!PS", "a PostScript document", replace},
	{0, "{\\rtf", "an RTF document", replace},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Microsoft Office document", replace},
	{0, "\x89PNG\r\n\x1a\n", "a PNG picture", replace},
	{0, "\xff\xd8\xff", "a JPEG picture", replace},
	{0, "GIF8", "a GIF picture", replace},
	{8, "WEBP", "a WebP picture", replace},
	{0, "GGUF", "a GGUF file, of llama.cpp and not of PyTorch", replace},
	{0, "\x93NUMPY", "a NumPy array", replace},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file", replace},
	{0, "MATLAB 5.0 MAT-file", "a MATLAB file", replace},
	{0, "SQLite format 3\x00", "an SQLite database", replace},
	{0, "PAR1", "a Parquet file", replace},
	{0, "\x7fELF", "a program", replace},
	{0, "MZ\x90\x00", "a Windows program", replace},
	{0, "\x00asm", "a WebAssembly module", replace},
}

// Kind names the kind of a file, such as "a zip archive", and says what to do with it.
// head is the beginning of the file; 512 bytes are enough. Both are "" for files without
// a known mark, and for sound; see also [Guess].
func Kind(head []byte) (kind, remedy string) {
	if what := page(head); what != "" {
		return what, download
	}
	for _, m := range marks {
		if m.Fits(head) {
			return m.Kind, m.Remedy
		}
	}
	return "", ""
}

// Guess names what has no mark, and may still be the beginning of something else: zeros
// and text. It is for files that no decoder could read.
func Guess(head []byte) (kind, remedy string) {
	switch {
	case len(bytes.Trim(head, "\x00")) == 0:
		return "a file that begins with zeros only", "download or copy it again"
	case isText(head):
		return "a text file", replace
	}
	return "", ""
}

// Fits reports whether a file that begins with head has the mark.
func (m Mark) Fits(head []byte) bool {
	if len(head) < m.At+len(m.Bytes) {
		return false
	}
	for i := range len(m.Bytes) {
		if m.Bytes[i] != '?' && m.Bytes[i] != head[m.At+i] {
			return false
		}
	}
	return true
}

// page names a document of a web server: a page, or the XML or JSON of an error.
func page(head []byte) string {
	start := strings.ToLower(strings.TrimLeftFunc(string(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))), unicode.IsSpace))
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<title", "<!--", "<h1", "<p>", "<iframe", "<table", "<div", "<style", "<a ", "<br"} {
		if strings.HasPrefix(start, tag) {
			return "an HTML page"
		}
	}
	switch {
	case strings.HasPrefix(start, "entry not found"), strings.HasPrefix(start, "access denied"), strings.HasPrefix(start, "not found"):
		return "the error of a download"
	case strings.HasPrefix(start, "<?xml"), strings.HasPrefix(start, "<error"):
		return "an XML document"
	case (strings.HasPrefix(start, "{") || strings.HasPrefix(start, "[")) && !strings.HasPrefix(start, "{\\") && isText(head):
		return "a JSON document"
	}
	return ""
}

// isText reports whether a file begins as text does: without control characters, in
// UTF-8 or in UTF-16 with its mark.
func isText(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return bytes.IndexByte(head, 0) >= 0
	}
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && size == 1 {
			return !utf8.FullRune(head) // cut in a character
		}
		if unicode.IsControl(r) && !strings.ContainsRune("\t\n\v\f\r\x1b", r) {
			return false
		}
		head = head[size:]
	}
	return true
}

// asModel has the texts of OtherFile for files that people take for a model.
var asModel = map[string]string{
	"a git-lfs pointer, not the file itself": "it is a git-lfs pointer: the content was not fetched; run `git lfs pull` where it comes from",
	"an HTML page":                           "it is an HTML page, perhaps of a download that asks for a login; download the file itself",
	"an HDF5 file":                           "it is an HDF5 file, of Keras perhaps, and not of torch.save",
	"a NumPy array":                          "it is a numpy array; in Python, torch.save(torch.from_numpy(numpy.load(path)), ...) converts it",
	// The readers say more of these themselves.
	"a zip archive":   "",
	"a JSON document": "",
}

// OtherFile returns what a file is instead of a model, and what to do about it, from
// its first bytes: a git-lfs pointer, an HTML page, a compressed file, only zeros. It
// returns "" for an unknown file. head should have at least 512 bytes if the file has.
func OtherFile(head []byte) string {
	kind, remedy := Kind(head)
	text, special := asModel[kind]
	switch {
	case special:
		return text
	case kind != "":
		return "it is " + kind + "; " + remedy
	case len(head) >= 64 && len(bytes.Trim(head, "\x00")) == 0:
		return "it begins with zeros alone: the copy or the download of it did not finish; get it again"
	}
	return ""
}
