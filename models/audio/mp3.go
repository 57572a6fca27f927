// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"errors"
	"io"

	"github.com/etude-ml/etude/models/audio/internal/mp3"
)

// decodeMP3 averages the channels frame by frame, so a stream may change their
// number. Where a LAME tag tells them, the delay of encoder and decoder and the
// padding are cut off, as libsndfile does.
func decodeMP3(r *io.SectionReader, maxSeconds float64) (*Clip, error) {
	d, err := mp3.New(r)
	if err != nil {
		return nil, err
	}
	clip := &Clip{Rate: d.Rate, Channels: d.Channels}
	limit := frameLimit(d.Rate, maxSeconds)
	if d.End > 0 {
		limit = min(limit, d.End-d.Start)
	}
	for skip := d.Start; len(clip.Samples) < limit; {
		channels, err := d.Next()
		if err != nil {
			break
		}
		n := len(channels[0])
		scale := 1 / float64(len(channels))
		for i := min(skip, n); i < n && len(clip.Samples) < limit; i++ {
			var sum float64
			for _, c := range channels {
				sum += c[i]
			}
			clip.Samples = append(clip.Samples, sum*scale)
		}
		skip -= min(skip, n)
	}
	if len(clip.Samples) == 0 {
		return nil, errors.New("no whole frame of sound")
	}
	return clip, nil
}
