// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package dataset reads folders of audio, MIDI and chords into samples.
//
// A folder DATA looks like this; label files may also stand one level up, in
// training/:
//
//	DATA/training/audio/          *.wav *.mp3 *.flac …, labels.csv: filename,valence,arousal[,group]
//	DATA/training/midi/           *.mid, emotion_labels.json: {file: {valence, arousal, group?}}
//	DATA/training/dynamics_midi/  *.mid
//	DATA/training/drums/          *.mid, drum_labels.json: {file: {valence, arousal, group?}}
//	DATA/training/chords/         chord_progressions.json: {progressions: [{id|name, title?, artist?, key, chords, emotion?}]}
//
// Nothing is filled in. A file that cannot be read, is silent or without notes,
// a label without a file, a file without a label and a number out of range are
// left out, and listed with the reason in Samples.Skipped. What comes out
// depends on the files alone, not on the number of workers.
//
// [Files] describes a folder of files, [Chords] is the one file of progressions;
// both are a [Source]. A network of one's own has a Files of its own.
package dataset

import (
	"context"
	"fmt"

	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/models/music/dynamics"
	"github.com/etude-ml/etude/models/music/groove"
	"github.com/etude-ml/etude/models/music/midi"
	"github.com/etude-ml/etude/torch/data"
)

// The sources of the five networks.
var (
	EmotionSource = Files{
		Network: "emotion", Folder: "audio", Extensions: audio.Extensions(), Holds: ".wav, .mp3, .flac and other audio files",
		Labels: "labels.csv", Recommend: 100,
		Feature: Feature{Name: emotionFeature, Version: featureVersions[emotionFeature], Read: readEmotion},
	}
	MelodySource = Files{
		Network: "melody", Folder: "midi", Extensions: midiFiles, Holds: "MIDI files",
		Labels: "emotion_labels.json", Recommend: 50,
		Feature: Feature{Name: melodyFeature, Version: featureVersions[melodyFeature], Read: readMelody, Memory: midiMemory},
	}
	HarmonySource  = Chords{}
	DynamicsSource = Files{
		Network: "dynamics", Folder: "dynamics_midi", Extensions: midiFiles, Holds: "MIDI files",
		Feature: Feature{Name: dynamicsFeature, Version: featureVersions[dynamicsFeature], Read: readDynamics, Memory: midiMemory},
	}
	GrooveSource = Files{
		Network: "groove", Folder: "drums", Extensions: midiFiles, Holds: "MIDI files",
		Labels: "drum_labels.json", Recommend: 30,
		Feature: Feature{Name: grooveFeature, Version: featureVersions[grooveFeature], Read: readGroove, Memory: midiMemory},
	}
)

// midiFiles are the endings of Standard MIDI Files: .kar has lyrics, .rmi a RIFF
// file around it.
var midiFiles = []string{".kar", ".mid", ".midi", ".rmi"}

// Emotion reads EmotionRecognizer's samples: X the 128 numbers of
// [EmotionInput], Y the 64 of [Embedding]. root is DATA, or its folder training.
// Samples are in the order of their names, which are the files' paths below the
// audio folder; a label without a group puts its file in one of its own.
//
// A missing folder or label file, a label file that cannot be understood, and a
// folder with no usable file are errors that name the path and what belongs
// there.
func Emotion(ctx context.Context, root string, o Options) (*data.Samples, error) {
	return EmotionSource.Samples(ctx, root, o)
}

// Melody reads MelodyTransformer's samples: X the 64 numbers of [Embedding], Y
// the 128 of [MelodyTarget]. Everything else is as in [Emotion].
func Melody(ctx context.Context, root string, o Options) (*data.Samples, error) {
	return MelodySource.Samples(ctx, root, o)
}

// Harmony reads HarmonyPredictor's samples, several of a progression: X the 64
// numbers of [Embedding] and the 64 of the chords so far, Y the 64 of the next
// four chords; see package chords. Progressions without an emotion have the
// neutral one, valence 0 and arousal 0.5, and are counted in Notes.
func Harmony(ctx context.Context, root string, o Options) (*data.Samples, error) {
	return HarmonySource.Samples(ctx, root, o)
}

// Dynamics reads DynamicsEngine's samples, several of a file: X the 32 numbers of
// a score, Y the 16 of how it is played, by windows of 4 s; see package dynamics.
// All windows of a file are one group.
func Dynamics(ctx context.Context, root string, o Options) (*data.Samples, error) {
	return DynamicsSource.Samples(ctx, root, o)
}

// Groove reads GroovePredictor's samples, several of a file: X the 64 numbers of
// [Embedding], Y the 32 of a groove, by windows of four bars; see package groove.
func Groove(ctx context.Context, root string, o Options) (*data.Samples, error) {
	return GrooveSource.Samples(ctx, root, o)
}

// EmotionInput gives what EmotionRecognizer hears of an audio file: 128 log-mel
// values in [-1, 0], see package audio.
func EmotionInput(path string) ([]float32, error) {
	return audio.LogMel(path)
}

// MelodyTarget gives what MelodyTransformer is to answer for a MIDI file: the
// share of its notes at each of the 128 pitches.
func MelodyTarget(path string) ([]float32, error) {
	f, err := readMelody(context.Background(), path)
	if err != nil {
		return nil, err
	}
	return f.Parts[0].Target, nil
}

func readEmotion(ctx context.Context, path string) (*Features, error) {
	x, info, err := audio.LogMelInfo(ctx, path)
	if err != nil {
		return nil, err
	}
	return &Features{Parts: []Part{{Input: x}}, Notes: info.Notes, Clip: newClip(info)}, nil
}

func readMelody(_ context.Context, path string) (*Features, error) {
	return readMIDI(path, func(song *midi.Song) ([]Part, error) {
		histogram, err := song.PitchHistogram()
		return []Part{{Target: histogram}}, err
	})
}

func readDynamics(_ context.Context, path string) (*Features, error) {
	return readMIDI(path, func(song *midi.Song) ([]Part, error) {
		windows, err := dynamics.Windows(song)
		parts := make([]Part, len(windows))
		for i, w := range windows {
			parts[i] = Part{Name: fmt.Sprintf("%.1f-%.1f s", w.Start, w.End), Input: w.Input, Target: w.Target}
		}
		return parts, err
	})
}

func readGroove(_ context.Context, path string) (*Features, error) {
	return readMIDI(path, func(song *midi.Song) ([]Part, error) {
		windows, err := groove.Windows(song)
		parts := make([]Part, len(windows))
		for i, w := range windows {
			parts[i] = Part{Name: fmt.Sprintf("bars %d-%d", w.FirstBar, w.FirstBar+w.Bars-1), Target: w.Target}
		}
		return parts, err
	})
}

// midiMemory is what a MIDI file of that size may need: an event takes three bytes
// there, and a note forty here, with what is computed of it a hundred.
func midiMemory(size int64) int64 { return 40 * size }

func readMIDI(path string, parts func(*midi.Song) ([]Part, error)) (*Features, error) {
	song, err := midi.Read(path)
	if err != nil {
		return nil, err
	}
	list, err := parts(song)
	if err != nil {
		return nil, err
	}
	return &Features{Parts: list, Notes: song.Mended}, nil
}
