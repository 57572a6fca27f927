// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package dataset reads folders of audio, MIDI and chords into samples.
//
// A folder DATA looks like this. Label files may also stand one level up, in
// training/, and the folders directly in DATA:
//
//	DATA/training/audio/          *.wav *.mp3 *.flac …, labels.csv: filename,valence,arousal[,group]
//	DATA/training/midi/           *.mid, emotion_labels.json: {file: {valence, arousal, group?}}
//	DATA/training/dynamics_midi/  *.mid
//	DATA/training/drums/          *.mid, drum_labels.json: {file: {valence, arousal, group?}}
//	DATA/training/chords/         chord_progressions.json: {progressions: [{id|name, title?, artist?, key, chords, emotion?}]}
//
// Nothing is filled in. A file that cannot be read, is silent or without notes,
// a label without a file, a file without a label and a number out of range are
// skipped, and listed with the reason in Samples.Skipped. The result depends on the
// files alone, not on the number of workers.
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
)

// The sources of the five networks. Samples are in the order of their names, which
// are the files' paths below the source's folder.
//
// Whoever changes what a file gives raises the version of every feature that rests on the
// change: decoding, resampling and the spectrum are under emotion; reading MIDI files is
// under melody, dynamics and groove; the names of chords are under harmony. The tests keep
// a hash of each feature by its version, which fails until that is done.
var (
	// EmotionSource gives 128 log-mel values in [-1, 0] of a sound, see package audio,
	// and the 64 numbers of [Embedding].
	EmotionSource = Files{
		Network: "emotion", Folder: AudioFolder, Extensions: audio.Extensions(), Holds: ".wav, .mp3, .flac and other audio files",
		Labels: AudioLabels, Recommend: 100, Feature: Feature{Name: "emotion.logmel+clip", Version: 2, Read: readEmotion},
		Windows: readEmotionWindows,
	}
	// MelodySource gives the 64 numbers of [Embedding] and the share of a file's notes
	// at each of the 128 pitches.
	MelodySource = Files{
		Network: "melody", Folder: MIDIFolder, Extensions: midiFiles, Holds: "MIDI files",
		Labels: MIDILabels, Recommend: 50, Feature: Feature{Name: "melody.histogram", Version: 2, Read: readMelody, Memory: midiMemory},
	}
	// HarmonySource gives several samples of a progression: the 64 numbers of
	// [Embedding] and the 64 of the chords so far, then the 64 of the next four chords;
	// see package chords. Progressions without an emotion have the neutral one, valence
	// 0 and arousal 0.5, and are counted in Notes.
	HarmonySource = Chords{}
	// DynamicsSource gives several samples of a file, by windows of 4 s: the 32 numbers
	// of a score and the 16 of how it is played; see package dynamics. All windows of a
	// file are one group.
	DynamicsSource = Files{
		Network: "dynamics", Folder: DynamicsFolder, Extensions: midiFiles, Holds: "MIDI files",
		Feature: Feature{Name: "dynamics.windows", Version: 2, Read: readDynamics, Memory: midiMemory},
	}
	// GrooveSource gives several samples of a file, by windows of four bars: the 64
	// numbers of [Embedding] and the 32 of a groove; see package groove.
	GrooveSource = Files{
		Network: "groove", Folder: DrumsFolder, Extensions: midiFiles, Holds: "MIDI files",
		Labels: DrumLabels, Recommend: 30, Feature: Feature{Name: "groove.windows", Version: 2, Read: readGroove, Memory: midiMemory},
	}
)

// FeatureVersions returns the version of each network's feature by its name. Networks
// that were trained on features of another version have learned from other numbers.
func FeatureVersions() map[string]int {
	versions := map[string]int{"harmony.contexts": 2}
	for _, s := range []Files{EmotionSource, MelodySource, DynamicsSource, GrooveSource} {
		versions[s.Feature.Name] = s.Feature.Version
	}
	return versions
}

func readEmotion(ctx context.Context, path string) (*Features, error) {
	x, info, err := audio.LogMelInfo(ctx, path)
	if err != nil {
		return nil, err
	}
	return &Features{Parts: []Part{{Input: x}}, Notes: info.Notes, Clip: &info}, nil
}

func readEmotionWindows(ctx context.Context, path string, every float64) (*Features, error) {
	windows, notes, err := audio.LogMelEvery(ctx, path, every)
	if err != nil {
		return nil, err
	}
	f := &Features{Notes: notes}
	for _, w := range windows {
		f.Parts = append(f.Parts, Part{Input: w.Feature, Start: w.Start})
	}
	return f, nil
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

// midiMemory returns the bytes that reading a MIDI file of a size may need: an event
// takes three bytes there, and a note forty here, with what is computed of it a
// hundred.
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
	return &Features{Parts: list, Notes: song.Faults}, nil
}
