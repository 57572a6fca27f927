// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package dataset reads folders of labelled audio and MIDI files into samples.
//
// A folder DATA looks like this; label files may also stand one level up, in
// training/:
//
//	DATA/training/audio/  *.wav *.mp3 *.flac, labels.csv: filename,valence,arousal[,group]
//	DATA/training/midi/   *.mid, emotion_labels.json: {file: {valence, arousal, group?}}
//
// Nothing is filled in. A file that cannot be read, is silent or without notes,
// a label without a file, a file without a label and a number out of range are
// left out, and listed with the reason in Samples.Skipped. What comes out
// depends on the files alone, not on the number of workers.
package dataset

import (
	"context"
	"fmt"

	"github.com/etude-ml/etude/models/audio"
	"github.com/etude-ml/etude/models/midi"
	"github.com/etude-ml/etude/torch/data"
)

// Options says how a folder is read.
type Options struct {
	// Workers is how many files are decoded at once; 0 means one for each CPU
	// that Go may use.
	Workers int
	// Progress, if set, hears of each file once it is decoded or found bad. It is
	// called by one goroutine at a time, with done counting from 1 to total.
	Progress func(done, total int, name string)
}

// Emotion reads EmotionRecognizer's samples: X the 128 numbers of
// [EmotionInput], Y the 64 of [Embedding]. root is DATA, or its folder training.
// Samples are in the order of their names, which are the files' paths below the
// audio folder; a label without a group puts its file in one of its own.
//
// A missing folder or label file, a label file that cannot be understood, and a
// folder with no usable file are errors that name the path and what belongs
// there.
func Emotion(ctx context.Context, root string, o Options) (*data.Samples, error) {
	c, err := collect(ctx, emotionSource, root, o)
	if err != nil {
		return nil, err
	}
	return c.samples(func(i item) (x, y []float32) { return i.values, Embedding(i.valence, i.arousal) })
}

// Melody reads MelodyTransformer's samples: X the 64 numbers of [Embedding], Y
// the 128 of [MelodyTarget]. Everything else is as in [Emotion].
func Melody(ctx context.Context, root string, o Options) (*data.Samples, error) {
	c, err := collect(ctx, melodySource, root, o)
	if err != nil {
		return nil, err
	}
	return c.samples(func(i item) (x, y []float32) { return Embedding(i.valence, i.arousal), i.values })
}

// EmotionInput gives what EmotionRecognizer hears of an audio file: 128 log-mel
// values in [-1, 0], see package audio.
func EmotionInput(path string) ([]float32, error) {
	return audio.LogMel(path)
}

// MelodyTarget gives what MelodyTransformer is to answer for a MIDI file: the
// share of its notes at each of the 128 pitches.
func MelodyTarget(path string) ([]float32, error) {
	histogram, _, err := decodeMelody(path)
	return histogram, err
}

// A decoder turns a file into numbers, and tells what it passed over.
type decoder func(path string) (values []float32, notes []string, err error)

func decodeEmotion(path string) ([]float32, []string, error) {
	x, err := EmotionInput(path)
	return x, nil, err
}

func decodeMelody(path string) ([]float32, []string, error) {
	song, err := midi.Read(path)
	if err != nil {
		return nil, nil, err
	}
	histogram, err := song.PitchHistogram()
	return histogram, song.Mended, err
}

// source is the folder of one network.
type source struct {
	network    string
	folder     string   // below training/
	extensions []string // lower case
	holds      string   // what is in the folder beside labels, for errors
	labels     string   // the label file; empty where there are none
	wanted     string   // what a label file holds, for errors
	recommend  int      // usable files below which Validate warns
	decode     decoder
}

const wantedJSON = `{"file name": {"valence": -1 to 1, "arousal": 0 to 1, "group": optional}, …}`

var (
	midiFiles     = []string{".mid", ".midi"}
	emotionSource = source{
		"emotion", "audio", []string{".wav", ".mp3", ".flac"}, ".wav, .mp3 and .flac files",
		"labels.csv", "the columns filename,valence,arousal and, if you like, group", 100, decodeEmotion,
	}
	melodySource   = source{"melody", "midi", midiFiles, "MIDI files", "emotion_labels.json", wantedJSON, 50, decodeMelody}
	grooveSource   = source{"groove", "drums", midiFiles, "MIDI files", "drum_labels.json", wantedJSON, 30, decodeMelody}
	dynamicsSource = source{"dynamics", "dynamics_midi", midiFiles, "MIDI files", "", "", 0, decodeMelody}
)

// samples makes samples of what was collected, if there is any.
func (c *collection) samples(row func(item) (x, y []float32)) (*data.Samples, error) {
	s := &data.Samples{}
	for _, i := range c.items {
		x, y := row(i)
		s.Append(i.name, i.group, x, y)
		for _, n := range i.notes {
			s.Notes = append(s.Notes, i.name+": "+n)
		}
	}
	for _, p := range c.problems {
		s.Skipped = append(s.Skipped, data.Skip{Name: p.Name, Reason: p.Reason})
	}
	if s.Len() > 0 {
		return s, nil
	}
	if len(s.Skipped) == 0 {
		return nil, fmt.Errorf("dataset: %s: %s holds no %s", c.source.network, c.dir, c.source.holds)
	}
	const shown = 3
	reasons := ""
	for _, skip := range s.Skipped[:min(shown, len(s.Skipped))] {
		reasons += fmt.Sprintf("\n  %s: %s", skip.Name, skip.Reason)
	}
	if more := len(s.Skipped) - shown; more > 0 {
		reasons += fmt.Sprintf("\n  and %d more", more)
	}
	return nil, fmt.Errorf("dataset: %s: no usable file in %s, all was left out:%s", c.source.network, c.dir, reasons)
}
