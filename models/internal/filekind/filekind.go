// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package filekind recognises files of another kind than was expected, by the marks at
// their start, and says what to do with them.
package filekind

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

// HeadSize is the number of bytes at the start of a file that Of needs.
const HeadSize = 2048

// What to do with a kind of file; Convert is for sound that is not decoded.
const (
	Convert  = "convert it to wav, mp3 or flac, for example with ffmpeg"
	unpack   = "unpack it first"
	download = "the download failed, so download the file again"
	replace  = "put the right file in its place"
)

// mark describes the bytes at a place that are the mark of a kind of file. A '?' stands for any byte.
type mark struct {
	at           int
	bytes        string
	kind, remedy string
}

// marks are taken from the tables of libsndfile (guess_file_type), of file(1),
// of the WHATWG's MIME Sniffing standard, and from the formats' own documents.
// Of two that fit, the first counts.
var marks = []mark{
	// Sound that is not decoded.
	{0, ".snd", "an AU file", Convert},
	{0, "dns.", "an AU file", Convert},
	{0, "caff", "a CAF file", Convert},
	{0, "ADIF", "an AAC file", Convert},
	{4, "ftyp", "an MP4 file", Convert}, // and M4A, 3GP, MOV
	{4, "moov", "a QuickTime file", Convert},
	{4, "mdat", "a QuickTime file", Convert},
	{4, "wide", "a QuickTime file", Convert},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", "a WMA (ASF) file", Convert},
	{0, "wvpk", "a WavPack file", Convert},
	{0, "MAC ", "a Monkey's Audio file", Convert},
	{0, "MPCK", "a Musepack file", Convert},
	{0, "MP+", "a Musepack file", Convert},
	{0, "TTA1", "a True Audio file", Convert},
	{0, "TTA2", "a True Audio file", Convert},
	{0, "ajkg", "a Shorten file", Convert},
	{0, "tBaK", "a TAK file", Convert},
	{0, "OFR ", "an OptimFROG file", Convert},
	{0, "TWIN97", "a TwinVQ file", Convert},
	{0, "#!AMR", "an AMR file", Convert},
	{0, "#!SILK", "a SILK file", Convert},
	{0, "\x02#!SILK", "a SILK file", Convert},
	{0, "qoaf", "a QOA file", Convert},
	{0, "DSD ", "a DSF file", Convert},
	{0, "FRM8", "a DSDIFF file", Convert},
	{0, "\x0b\x77", "an AC-3 file", Convert},
	{0, "\x7f\xfe\x80\x01", "a DTS file", Convert},
	{0, ".ra\xfd", "a RealAudio file", Convert},
	{0, ".RMF", "a RealMedia file", Convert},
	{0, "Creative Voice File", "a VOC file", Convert},
	{0, "NIST_1A", "a NIST SPHERE file", Convert},
	{0, "\x64\xa3?\x00", "an IRCAM file", Convert},
	{0, "\x00?\xa3\x64", "an IRCAM file", Convert},
	{8, "8SVX", "an 8SVX file", Convert},
	{8, "16SV", "a 16SV file", Convert},
	{0, " paf", "a PAF file", Convert},
	{0, "fap ", "a PAF file", Convert},
	{0, "ALawSoundFile**", "a Psion sound file", Convert},
	{0, "\xf0\x7e?\x01", "a MIDI sample dump", Convert},
	{0, "PVF1", "a PVF file", Convert},
	{0, "2BIT", "an AVR file", Convert},
	{0, "SOUND\x1a", "a SoundTool file", Convert},
	{0, "Extended Instrument: ", "an XI instrument", Convert},
	{0, "Extended Module: ", "a tracker module", Convert},
	{0, "IMPM", "a tracker module", Convert},
	{44, "SCRM", "a tracker module", Convert},
	{1080, "M.K.", "a tracker module", Convert},
	{0, "PSID", "a C64 tune", Convert},
	{0, "RSID", "a C64 tune", Convert},
	{8, "sfbk", "a SoundFont", replace},

	// Films.
	{0, "\x1a\x45\xdf\xa3", "a Matroska or WebM file", Convert},
	{8, "AVI ", "an AVI film", Convert},
	{0, "FLV\x01", "a Flash film", Convert},
	{0, "\x00\x00\x01\xba", "an MPEG film", Convert},
	{0, "\x00\x00\x01\xb3", "an MPEG film", Convert},

	// Files that are read, in the wrong place.
	{0, "MThd", "a MIDI file", Convert},
	{8, "RMID", "a MIDI file", Convert},
	{0, "SMF2CLIP", "a MIDI 2.0 clip file", Convert},
	{8, "WAVE", "a wav file", replace},
	{8, "AIFF", "an AIFF file", replace},
	{8, "AIFC", "an AIFF file", replace},
	{0, "FORM", "an IFF file", replace},
	{0, "fLaC", "a FLAC file", replace},
	{0, "OggS", "an Ogg file", replace},
	{0, "ID3", "an MP3 file", replace},

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
	{0, "\x93NUMPY", "a NumPy array", replace},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file", replace},
	{0, "MATLAB 5.0 MAT-file", "a MATLAB file", replace},
	{0, "SQLite format 3\x00", "an SQLite database", replace},
	{0, "PAR1", "a Parquet file", replace},
	{0, "\x7fELF", "a program", replace},
	{0, "MZ\x90\x00", "a Windows program", replace},
	{0, "\x00asm", "a WebAssembly module", replace},
}

// Of names the kind of a file, such as "a zip archive", and what to do with it.
// head is the first HeadSize bytes, or all of a shorter file. Both are "" where
// no mark is known; see also Guess.
func Of(head []byte) (kind, remedy string) {
	if what := page(head); what != "" {
		return what, download
	}
	for _, m := range marks {
		if m.fits(head) {
			return m.kind, m.remedy
		}
	}
	switch {
	case adts(head):
		return "an AAC file", Convert
	case len(head) > 188 && head[0] == 0x47 && head[188] == 0x47 && (len(head) <= 376 || head[376] == 0x47):
		return "an MPEG transport stream", Convert
	}
	return "", ""
}

// Guess names what has no mark, and may still be the start of sound: zeros and text.
// It is for files that no decoder could read.
func Guess(head []byte) (kind, remedy string) {
	switch {
	case len(bytes.Trim(head, "\x00")) == 0:
		return "a file that begins with zeros only", "download or copy it again"
	case isText(head):
		return "a text file", replace
	}
	return "", ""
}

func (m mark) fits(head []byte) bool {
	if len(head) < m.at+len(m.bytes) {
		return false
	}
	for i := range len(m.bytes) {
		if m.bytes[i] != '?' && m.bytes[i] != head[m.at+i] {
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

// adts reports whether frames of AAC follow each other. They begin with twelve ones,
// as those of an MP3 do, and name layer 0, which an MP3 does not have.
func adts(head []byte) bool {
	frames := 0
	for ; len(head) >= 7; frames++ {
		if head[0] != 0xff || head[1]&0xf6 != 0xf0 {
			return false
		}
		size := int(binary.BigEndian.Uint32(head[2:])>>5) & 0x1fff // 13 bits, from the 31st
		if size < 7 {
			return false
		}
		head = head[min(size, len(head)):]
	}
	return frames > 0
}
