// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"errors"
	"io"

	"github.com/etude-ml/etude/models/music/audio/internal/flac"
)

// decodeFLAC averages the channels frame by frame, each at its own depth, so a
// stream may change either on the way. The rate is STREAMINFO's throughout.
// Damage behind the first frame ends the clip there, with a note; frames that are
// missing or stand elsewhere are noted, too.
func decodeFLAC(r *io.SectionReader, maxSeconds float64) (*sound, error) {
	s, err := flac.New(r)
	if err != nil {
		return nil, err
	}
	if err := checkShape(int64(s.Rate), int64(s.Channels)); err != nil {
		return nil, err
	}
	limit := frameLimit(s.Rate, maxSeconds)
	out := newSound(s.Rate, s.Channels, fullScale(s.Bits))
	otherRate := false
	for len(out.Samples) < limit {
		b, err := s.Next()
		if errors.Is(err, io.EOF) && len(out.Samples) > 0 {
			if int64(len(out.Samples)) < s.Total {
				out.cut(maxSeconds, "ends after %.2f s of %.2f", out.seconds(), float64(s.Total)/float64(s.Rate))
			}
			break
		}
		if err != nil && len(out.Samples) > 0 {
			out.cut(maxSeconds, "damaged at %.2f s, %v", out.seconds(), err)
			break
		}
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no frames behind the metadata")
		}
		if err != nil {
			return nil, err
		}
		if b.Gap {
			out.notes.Add("frames are missing or repeated at %.2f s: write the file anew from its source", out.seconds())
		}
		if b.Rate != 0 && b.Rate != s.Rate && !otherRate {
			otherRate = true
			out.notes.Add("the frame at %.2f s says %d Hz, the file's header %d Hz, which was used", out.seconds(), b.Rate, s.Rate)
		}
		scale := 1 / float64(int64(1)<<(b.Bits-1))
		var frame [8]float64
		for i := range min(len(b.Channels[0]), limit-len(out.Samples)) {
			for c, x := range b.Channels {
				frame[c] = float64(x[i]) * scale
			}
			out.add(frame[:len(b.Channels)])
		}
	}
	return out, nil
}
