// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"errors"
	"io"

	"github.com/etude-ml/etude/models/audio/internal/flac"
)

// decodeFLAC averages the channels frame by frame, each at its own depth, so a
// stream may change either on the way. The rate is STREAMINFO's throughout.
// Damage behind the first frame ends the clip there.
func decodeFLAC(r *io.SectionReader, maxSeconds float64) (*Clip, error) {
	s, err := flac.New(r)
	if err != nil {
		return nil, err
	}
	if err := checkShape(int64(s.Rate), int64(s.Channels)); err != nil {
		return nil, err
	}
	limit := frameLimit(s.Rate, maxSeconds)
	clip := &Clip{Rate: s.Rate, Channels: s.Channels}
	for len(clip.Samples) < limit {
		b, err := s.Next()
		if err != nil && len(clip.Samples) > 0 {
			break
		}
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no frames behind the metadata")
		}
		if err != nil {
			return nil, err
		}
		scale := 1 / (float64(len(b.Channels)) * float64(int64(1)<<(b.Bits-1)))
		for i := range min(len(b.Channels[0]), limit-len(clip.Samples)) {
			var sum int64
			for _, c := range b.Channels {
				sum += c[i]
			}
			clip.Samples = append(clip.Samples, float64(sum)*scale)
		}
	}
	return clip, nil
}
