// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package audio decodes sound files and computes the feature of EmotionRecognizer,
// 128 log-mel bands. Training and inference share it, so that a network gets the
// same numbers in both.
//
// The content of a file decides its kind, not its name:
//
//	container         encodings                            remarks
//	WAV, RIFX,        PCM of 1 to 64 bits, float of 32     plain or extensible; up to 1,024
//	RF64, BW64,       and 64 bits, A-law, mu-law, IMA      channels; sizes are only claims: a
//	Wave64            and MS ADPCM, MP3 in a wav           file cut short gives what it holds
//	AIFF, AIFF-C      PCM of 1 to 32 bits of either byte   NONE twos sowt raw in24 in32 42n1
//	                  order, float of 32 and 64 bits,      23ni fl32 fl64 ulaw alaw
//	                  A-law, mu-law
//	MP3               MPEG-1, 2 and 2.5 layer III; CBR,    leading ID3 tags skipped; the delay
//	                  VBR, ABR, free format                that a LAME tag gives is cut off
//	FLAC              4 to 32 bits, 1 to 8 channels        leading ID3 tags skipped
//	Ogg Opus          SILK, CELT and both, mono, stereo    pre-skip, gain and end as RFC 7845
//
// Everything else is an error that says to convert it: Vorbis, FLAC and Speex in
// Ogg, Opus of more than two channels, GSM 6.10 and other codecs in a wav, IMA
// and MACE in AIFF-C, MPEG layers I and II, MP4.
//
// Files are untrusted: no memory is allocated because a header claims so, a decoder
// that fails returns an error which names the file, and every function may be called
// from many goroutines at once. Notes lists damage in the part of a file that is
// decoded, if the format reveals it: by checksums, by lengths and by numbers of
// frames. FLAC and Ogg have all three; an MP3 has checksums only if its encoder was
// asked for them, and a wav has only lengths.
package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/etude-ml/etude/models/internal/filekind"
	"github.com/etude-ml/etude/models/music/audio/internal/mp3"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Extensions returns the endings of names, in lower case and with their dots, that
// mark a folder's sound files. Decode looks at the content alone.
func Extensions() []string {
	return []string{".aif", ".aifc", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".w64", ".wav", ".wave"}
}

// Decode reads the first ⌊maxSeconds·rate⌋ frames (0: all) of a sound file; the
// package's description lists the kinds. A file cut short gives the frames it
// holds. Samples are finite; a file with NaN or infinite ones, or without any
// decodable frame, is an error, except that a well-formed wav or aiff without
// samples gives an empty clip.
func Decode(path string, maxSeconds float64) (*Clip, error) {
	s, err := decodeFile(context.Background(), path, maxSeconds)
	if err != nil {
		return nil, fmt.Errorf("audio: %s: %w", path, err)
	}
	return &s.Clip, nil
}

func decodeFile(ctx context.Context, path string, maxSeconds float64) (*sound, error) {
	if math.IsNaN(maxSeconds) || maxSeconds < 0 {
		return nil, fmt.Errorf("length limit is %v seconds, want 0 (all) or more", maxSeconds)
	}
	f, size, err := wholefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &interruptible{ctx: ctx, r: f}
	s, err := decode(r, size, maxSeconds)
	if r.err != nil { // a decoder may have taken it for the end of the file
		return nil, plain(r.err)
	}
	return s, err
}

// interruptible is a file whose reading ends with a context, because a decoder may
// read a damaged file for long. It remembers a failure of the system, which must not
// be taken for damage.
type interruptible struct {
	ctx context.Context
	r   io.ReaderAt
	err error
}

func (r *interruptible) ReadAt(b []byte, off int64) (n int, err error) {
	if r.err == nil {
		r.err = r.ctx.Err()
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err = r.r.ReadAt(b, off)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// plain strips operation and path, which the caller adds in another form.
func plain(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// decode finds the kind of the size bytes in r and decodes them. It turns a panic of
// a decoder into an error, because one bad file must not end a training run.
func decode(r io.ReaderAt, size int64, maxSeconds float64) (s *sound, err error) {
	kind := "file"
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("%s: damaged in a way the decoder does not handle (%v)", kind, p)
		}
	}()
	if size == 0 {
		return nil, errors.New("file is empty")
	}
	start := skipID3(r, size)
	var k format
	kind, k = sniff(r, start)
	if k == nil {
		return nil, errors.New(kind)
	}
	s, err = k(io.NewSectionReader(r, start, size-start), maxSeconds)
	if errors.Is(err, mp3.ErrNoFrames) {
		if what, remedy := filekind.Guess(readHead(r, start)); what != "" {
			return nil, fmt.Errorf("is %s; %s", what, remedy)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if err := checkFinite(s.Samples); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if s.peak > maxLevel {
		return nil, fmt.Errorf("%s: a sample is %.3g, where full scale is 1: the file is damaged; write it anew from its source", kind, s.peak)
	}
	s.kind, s.Notes = kind, s.notes.Texts()
	return s, nil
}

// readHead reads as much as naming the kind of a file needs.
func readHead(r io.ReaderAt, start int64) []byte {
	b := make([]byte, filekind.HeadSize)
	n, _ := r.ReadAt(b, start)
	return b[:n]
}

// sniff names the kind of sound at start. A nil format means that it is not decoded;
// then the name says what to do. A file without any known mark is tried as MP3,
// which has none.
func sniff(r io.ReaderAt, start int64) (string, format) {
	head := readHead(r, start)
	at := func(i int, s string) bool { return len(head) >= i+len(s) && string(head[i:i+len(s)]) == s }
	switch {
	case at(0, "RIFX"), at(0, "RF64"), at(0, "BW64"), at(0, "RIFF") && !at(8, "AVI ") && !at(8, "RMID") && !at(8, "WEBP") && !at(8, "sfbk"):
		return "wav", decodeWAV
	case at(0, "riff"):
		return "w64", decodeW64
	case at(0, "FORM") && at(8, "AIF"):
		return "aiff", decodeAIFF
	case at(0, "fLaC"):
		return "flac", decodeFLAC
	case at(0, "OggS"):
		return sniffOgg(r, start)
	}
	if kind, remedy := filekind.Of(head); kind != "" {
		return "is " + kind + "; " + remedy, nil
	}
	return "mp3", decodeMP3
}

// skipID3 returns the offset behind any ID3v2 tags at the start. They precede mp3 and
// flac streams alike, sometimes more than once.
func skipID3(r io.ReaderAt, size int64) int64 {
	var at int64
	for range 16 {
		var h [10]byte
		if n, _ := r.ReadAt(h[:], at); n < len(h) || string(h[:3]) != "ID3" || h[3] == 0xff || h[4] == 0xff {
			break
		}
		if (h[6]|h[7]|h[8]|h[9])&0x80 != 0 {
			break
		}
		n := int64(h[6])<<21 | int64(h[7])<<14 | int64(h[8])<<7 | int64(h[9])
		if h[5]&0x10 != 0 { // a footer repeats the header
			n += 10
		}
		// A tag that claims more than the file holds has lost its end; search for
		// sound behind its header.
		if at+10+n >= size {
			return at + 10
		}
		at += 10 + n
	}
	return at
}
