// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Info describes the part of a file that LogMel uses, its first two seconds.
type Info struct {
	Kind     string  // "wav", "w64", "aiff", "mp3", "flac" or "opus"
	Rate     int     // frames per second
	Channels int     // in the file
	Seconds  float64 // decoded: 2, or all of a shorter file
	Peak     float64 // largest magnitude of a sample of any channel; full scale is 1
	// ClippedShare is the share, in [0, 1], of the samples of all channels that are
	// at or above full scale in runs of three or more. Full scale is the largest
	// number of the encoding, or of 16 bits if it has more: 8-bit PCM is clipped at
	// 127/128, float and lossy encodings at 32767/32768.
	ClippedShare float64
	// Silent reports that the mean of the channels peaks below -80 dBFS, where
	// LogMel returns ErrSilent. Channels that cancel each other are silent with a
	// Peak of any size.
	Silent bool
	Notes  []string // as in Clip
}

// LogMel decodes the first two seconds of a file and returns its feature, as
// Clip.LogMel does.
func LogMel(path string) ([]float32, error) {
	feature, _, err := LogMelInfo(context.Background(), path)
	return feature, err
}

// LogMelInfo returns a file's feature and its description from one decoding, which
// ends early with ctx. If the error is ErrSilent, or that there are no samples, the
// Info is still that of the file.
func LogMelInfo(ctx context.Context, path string) ([]float32, Info, error) {
	s, err := decodeFile(ctx, path, Seconds)
	if err != nil {
		return nil, Info{}, fmt.Errorf("audio: %s: %w", path, err)
	}
	feature, err := s.feature()
	if errors.Is(err, ErrSilent) {
		err = s.whySilent(ctx, path)
	}
	if err != nil {
		return nil, s.info(), fmt.Errorf("audio: %s: %w", path, err)
	}
	return feature, s.info(), nil
}

// Window is the feature of two seconds of a sound.
type Window struct {
	Start   float64 // seconds from the beginning of the sound
	Feature []float32
}

// LogMelEvery returns the features of the windows of two seconds that begin every so many
// seconds, at least 0.01, from the beginning of a file to its end; a shorter file has one.
// Silent windows are left out with a note; ErrSilent means that all are. The whole sound is
// in memory meanwhile, 8 bytes a frame.
func LogMelEvery(ctx context.Context, path string, every float64) (windows []Window, notes []string, err error) {
	if !(every >= 0.01 && every <= math.MaxFloat64) {
		return nil, nil, fmt.Errorf("audio: a window every %g seconds, want 0.01 or more", every)
	}
	s, err := decodeFile(ctx, path, 0)
	length, silent := 0, 0
	if err == nil {
		length = frameLimit(s.Rate, Seconds)
	}
	for k := 0; err == nil; k++ {
		start := float64(k) * every
		at := start * float64(s.Rate)
		if k > 0 && at+float64(length) > float64(len(s.Samples)) {
			break
		}
		var feature []float32
		clip := Clip{Samples: s.Samples[int(at):], Rate: s.Rate}
		switch feature, err = clip.feature(); {
		case errors.Is(err, ErrSilent):
			silent, err = silent+1, nil
		case err == nil:
			windows = append(windows, Window{start, feature})
			err = ctx.Err()
		}
	}
	if err == nil && len(windows) == 0 {
		err = ErrSilent
	}
	if err != nil {
		return nil, nil, fmt.Errorf("audio: %s: %w", path, err)
	}
	notes = s.Notes
	if silent > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d windows are silent (peak below %d dBFS) and have no feature", silent, silent+len(windows), SilenceDB))
	}
	return windows, notes, nil
}

// searched is how many seconds of a file are searched for sound after a silent
// beginning; searchedFrames bounds them at high rates.
const (
	searched       = 60.0
	searchedFrames = 1 << 22
)

// whySilent returns an ErrSilent that gives the reason, or ctx's error.
func (s *sound) whySilent(ctx context.Context, path string) error {
	if s.peak >= silence {
		return silentError(fmt.Sprintf("the %d channels, of which the mean is used, cancel each other: one peaks at %.1f dBFS, the mean below %d; keep one channel, or invert one",
			s.Channels, 20*math.Log10(s.peak), SilenceDB))
	}
	if len(s.Samples) < frameLimit(s.Rate, Seconds) {
		return ErrSilent
	}
	more, err := decodeFile(ctx, path, min(searched, searchedFrames/float64(s.Rate)))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		for i, v := range more.Samples {
			if loud(v) {
				return silentError(fmt.Sprintf("the first %g s, which are used, are silent (peak below %d dBFS), and sound starts at %.2f s: cut off what is before it",
					Seconds, SilenceDB, float64(i)/float64(s.Rate)))
			}
		}
	}
	return ErrSilent
}

// silentError is an ErrSilent with a reason.
type silentError string

func (e silentError) Error() string      { return string(e) }
func (silentError) Is(target error) bool { return target == ErrSilent }

func (s *sound) info() Info {
	i := Info{
		Kind: s.kind, Rate: s.Rate, Channels: s.Channels, Peak: s.peak,
		Seconds: s.seconds(),
		Silent:  !slices.ContainsFunc(s.Samples, loud),
		Notes:   s.Notes,
	}
	if s.heard > 0 {
		i.ClippedShare = float64(s.clipped) / float64(s.heard)
	}
	return i
}
