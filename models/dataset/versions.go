// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import "maps"

// The features, by the names under which a cache keeps them.
const (
	emotionFeature  = "emotion.logmel+clip"
	melodyFeature   = "melody.histogram"
	harmonyFeature  = "harmony.contexts"
	dynamicsFeature = "dynamics.windows"
	grooveFeature   = "groove.windows"
)

// featureVersions has the version of each feature. Whoever changes what a file
// gives raises the version of every feature that rests on the change: decoding,
// resampling and the spectrum are under emotion; reading MIDI files is under
// melody, dynamics and groove; the names of chords are under harmony. The tests
// keep a hash of each feature by its version, which fails until that is done.
var featureVersions = map[string]int{
	emotionFeature:  2,
	melodyFeature:   2,
	harmonyFeature:  2,
	dynamicsFeature: 2,
	grooveFeature:   2,
}

// FeatureVersions returns the version of each network's feature by its name. Networks
// that were trained on features of another version have learned from other numbers.
func FeatureVersions() map[string]int { return maps.Clone(featureVersions) }
