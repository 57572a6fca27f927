// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package filekind recognises files of another kind than was expected, by the marks at
// their start, and says what to do with them.
package filekind

import (
	"encoding/binary"

	"github.com/etude-ml/etude/torch/inspect"
)

// HeadSize is the number of bytes at the start of a file that Of needs.
const HeadSize = 2048

// What to do with a kind of file; Convert is for sound that is not decoded.
const (
	Convert = "convert it to wav, mp3 or flac, for example with ffmpeg"
	replace = "put the right file in its place"
)

type mark inspect.Mark

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
}

// Of names the kind of a file, such as "a zip archive", and what to do with it.
// head is the first HeadSize bytes, or all of a shorter file. Both are "" where
// no mark is known; see also Guess.
func Of(head []byte) (kind, remedy string) {
	for _, m := range marks {
		if inspect.Mark(m).Fits(head) {
			return m.Kind, m.Remedy
		}
	}
	if kind, remedy = inspect.Kind(head); kind != "" {
		return kind, remedy
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
func Guess(head []byte) (kind, remedy string) { return inspect.Guess(head) }

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
