// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"errors"
	"io"

	"github.com/etude-ml/etude/models/music/audio/internal/mp3"
)

// decodeMP3 averages the channels frame by frame, because a stream may change their
// number. Where a LAME tag gives them, it cuts off the delay of encoder and decoder
// and the padding, as libsndfile does.
func decodeMP3(r *io.SectionReader, maxSeconds float64) (*sound, error) {
	d, err := mp3.New(r)
	if err != nil {
		return nil, err
	}
	s := newSound(d.Rate, d.Channels, fullScale(16), maxSeconds)
	limit := s.limit
	if d.End > 0 {
		limit = min(limit, d.End-d.Start)
	}
	s.expect(limit)
	for skip := d.Start; len(s.Samples) < limit; {
		channels, err := d.Next()
		if err != nil {
			if d.Frames < d.Total && d.Damaged == 0 {
				s.cut("ends after %d of %d frames", d.Frames, d.Total)
			}
			break
		}
		n := min(skip, len(channels[0]))
		s.add(channels, n, limit)
		skip -= n
	}
	if len(s.Samples) == 0 {
		return nil, errors.New("no whole frame of sound")
	}
	if d.Damaged > 0 {
		s.notes.Add("frame %d is damaged or missing: %s; %d of the first %d frames are, so that parts are silent or wrong: write the file anew from its source",
			d.FirstDamaged+1, d.Damage, d.Damaged, max(d.Frames, d.FirstDamaged+1))
	}
	return s, nil
}
