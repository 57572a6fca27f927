// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

// maxText is the size in bytes of the largest label file, millions of entries.
const maxText = 256 << 20

// ReadRaw reads a label file of at most 256 MB as it is.
func ReadRaw(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxText {
		return nil, fmt.Errorf("%s: not a regular file of at most %d MB", path, maxText>>20)
	}
	return os.ReadFile(path)
}

// readText reads a label file and decodes it, see [DecodeText].
func readText(path string) ([]byte, error) {
	raw, err := ReadRaw(path)
	if err != nil {
		return nil, err
	}
	text, err := DecodeText(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// DecodeText converts what is in a file to UTF-8 with a line feed at the end of
// each line. It removes a byte order mark, converts UTF-16 that begins with one
// (Excel's "Unicode text"), and accepts the line ends of Windows and of the old
// Macintosh. Text in any other encoding is an error that names the line: which of
// the 8-bit encodings it is in cannot be known.
func DecodeText(raw []byte) ([]byte, error) {
	text := raw
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) {
		var err error
		text, err = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(raw)
		if err != nil || len(raw)%2 != 0 || bytes.ContainsRune(text, utf8.RuneError) {
			return nil, errors.New("the text is in UTF-16 and damaged: save it as UTF-8")
		}
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, errors.New("there are zero bytes in it (UTF-16 without a byte order mark, perhaps): save it as UTF-8")
	}
	if fault := notUTF8(text); fault != "" {
		return nil, errors.New(fault)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	}
	return text, nil
}

// notUTF8 describes where a text is not UTF-8; it returns "" where it is.
func notUTF8(text []byte) string {
	const around = 12 // bytes that are shown on either side
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r != utf8.RuneError || size != 1 {
			at += size
			continue
		}
		start := max(bytes.LastIndexByte(text[:at], '\n')+1, at-around)
		end := min(at+around, len(text))
		if i := bytes.IndexByte(text[at:end], '\n'); i >= 0 {
			end = at + i
		}
		return fmt.Sprintf("line %d: %q is not UTF-8 (byte %#02x at %d of the file; Latin-1, perhaps): save it as UTF-8",
			1+bytes.Count(text[:at], []byte("\n")), text[start:end], text[at], at)
	}
	return ""
}
