// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/pion/opus"

	"github.com/etude-ml/etude/models/internal/filekind"
	"github.com/etude-ml/etude/models/music/audio/internal/ogg"
)

// sniffOgg names the content of an Ogg file. The sound of a video counts, too.
func sniffOgg(r io.ReaderAt, start int64) (string, format) {
	what := "an Ogg file without a known stream"
	for _, head := range ogg.Heads(io.NewSectionReader(r, start, math.MaxInt64-start)) {
		switch {
		case strings.HasPrefix(head, "OpusHead"):
			return "opus", decodeOpus
		case strings.HasPrefix(head, "\x01vorbis"):
			what = "an Ogg Vorbis file"
		case strings.HasPrefix(head, "\x7fFLAC"):
			what = "a FLAC stream in Ogg"
		case strings.HasPrefix(head, "Speex "):
			what = "an Ogg Speex file"
		}
	}
	return "is " + what + "; " + filekind.Convert, nil
}

// opusRate is the rate that Ogg Opus counts in, and the highest it decodes to.
const opusRate = 48000

// maxOpusPacket is the number of frames of the longest packet, 120 ms.
const maxOpusPacket = opusRate * 120 / 1000

// opusHead holds an identification header (RFC 7845, section 5.1).
type opusHead struct {
	channels int
	rate     int     // to decode to
	skip     int64   // frames at 48 kHz to drop at the start
	gain     float64 // factor of all samples
}

// decodeOpus decodes to the lowest rate of Opus that is not below that of the
// encoder's source, as libsndfile does. Pre-skip and end follow RFC 7845. Damage
// after the first packet ends the clip there, with a note.
func decodeOpus(r *io.SectionReader, maxSeconds float64) (*sound, error) {
	packets, b, err := ogg.Open(r, "OpusHead")
	if err != nil {
		return nil, errors.New("no whole page with a header")
	}
	head, err := readOpusHead(b)
	if err != nil {
		return nil, err
	}
	d, err := opus.NewDecoderWithOutput(head.rate, head.channels)
	if err != nil {
		return nil, err
	}
	factor := int64(opusRate / head.rate)
	s := newSound(head.rate, head.channels, fullScale(16), maxSeconds)
	limit := int64(s.limit)
	var (
		pos  int64      // of the next packet in what was decoded, at 48 kHz
		base int64 = -1 // granule position of pos 0
		buf        = make([]float32, maxOpusPacket*head.channels)
	)
	for int64(len(s.Samples)) < limit {
		p, err := packets.Next()
		if err != nil {
			if !packets.Ended() {
				s.cut("ends after %.2f s without its last page", s.seconds())
			}
			break
		}
		if bytes.HasPrefix(p.Data, []byte("OpusTags")) {
			continue
		}
		if p.End && p.Granule >= 0 {
			limit = min(limit, (p.Granule-max(base, 0)-head.skip)/factor)
		}
		n, err := d.DecodeToFloat32(p.Data, buf)
		if err != nil && pos == 0 {
			return nil, fmt.Errorf("first packet: %w", err)
		}
		if err != nil {
			s.cut("damaged at %.2f s, %v", s.seconds(), err)
			break
		}
		from := min(max(0, (head.skip-pos)/factor), int64(n))
		addInterleaved(s, buf[int(from)*head.channels:n*head.channels], head.gain, int(limit))
		pos += int64(n) * factor
		// A stream that was cut out of a longer one starts at a later position.
		if base < 0 && p.LastHere && p.Granule >= 0 {
			base = max(0, p.Granule-pos)
		}
	}
	if len(s.Samples) == 0 {
		return nil, errors.New("no whole packet of sound")
	}
	if n := packets.Lost(); n > 0 {
		s.notes.Add("%d pages are damaged or missing, and their sound is left out: write the file anew from its source", n)
	}
	return s, nil
}

func readOpusHead(b []byte) (opusHead, error) {
	if len(b) < 19 {
		return opusHead{}, fmt.Errorf("header: is %d bytes long, want 19 or more", len(b))
	}
	if b[8]>>4 != 0 {
		return opusHead{}, fmt.Errorf("header: version %d is not known; convert the file to flac", b[8])
	}
	h := opusHead{
		channels: int(b[9]),
		rate:     opusRate,
		skip:     int64(binary.LittleEndian.Uint16(b[10:])),
		gain:     math.Pow(10, float64(int16(binary.LittleEndian.Uint16(b[16:])))/256/20),
	}
	if h.channels < 1 || h.channels > 2 || b[18] != 0 {
		return opusHead{}, fmt.Errorf("header: %d channels of mapping family %d are not decoded, only mono and stereo of family 0; convert the file to flac",
			h.channels, b[18])
	}
	source := binary.LittleEndian.Uint32(b[12:])
	for _, rate := range []int{24000, 16000, 12000, 8000} {
		if source > 0 && source <= uint32(rate) {
			h.rate = rate
		}
	}
	return h, nil
}
