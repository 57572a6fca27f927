// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"cmp"
	"errors"
	"io"
	"math"

	"github.com/etude-ml/etude/models/music/audio/internal/flac"
)

// decodeFLAC averages the channels frame by frame, each at its own depth, because a
// stream may change both. The rate is STREAMINFO's throughout. Damage after the
// first frame ends the clip there, with a note; there is also a note where frames are
// missing or out of order.
func decodeFLAC(r *io.SectionReader, maxSeconds float64) (*sound, error) {
	s, err := flac.New(r)
	if err != nil {
		return nil, err
	}
	if err := checkShape(int64(s.Rate), int64(s.Channels)); err != nil {
		return nil, err
	}
	out := newSound(s.Rate, s.Channels, fullScale(s.Bits), maxSeconds)
	out.expect(int(cmp.Or(s.Total, math.MaxInt64)))
	otherRate := false
	for len(out.Samples) < out.limit {
		b, err := s.Next()
		ended := errors.Is(err, io.EOF)
		switch {
		case ended && len(out.Samples) == 0:
			return nil, errors.New("no frames behind the metadata")
		case ended && int64(len(out.Samples)) < s.Total:
			out.cut("ends after %.2f s of %.2f", out.seconds(), float64(s.Total)/float64(s.Rate))
		case err != nil && len(out.Samples) == 0:
			return nil, err
		case err != nil && !ended:
			out.cut("damaged at %.2f s, %v", out.seconds(), err)
		}
		if err != nil {
			break
		}
		if b.Gap {
			out.notes.Add("frames are missing or repeated at %.2f s: write the file anew from its source", out.seconds())
		}
		if b.Rate != 0 && b.Rate != s.Rate && !otherRate {
			otherRate = true
			out.notes.Add("the frame at %.2f s says %d Hz, the file's header %d Hz, which was used", out.seconds(), b.Rate, s.Rate)
		}
		out.addIntegers(b.Channels, 1/float64(int64(1)<<(b.Bits-1)), out.limit)
	}
	return out, nil
}
