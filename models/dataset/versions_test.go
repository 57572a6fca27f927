// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// featureHashes are the hashes of [featureParts] by feature and version. If one
// fails, the feature has changed: raise its version in dataset.go, so that no
// cache serves the old numbers, and write the new hash here. Keep the old lines.
var featureHashes = map[string]string{
	"emotion.logmel+clip 1": "cec18a5cc5b69eb6",
	"emotion.logmel+clip 2": "cec18a5cc5b69eb6",
	"melody.histogram 2":    "d2520a578adb8015",
	"harmony.contexts 2":    "974b38fd1a56cded",
	"dynamics.windows 2":    "7aea65e9c8249293",
	"groove.windows 2":      "e69e163451a1f61d",
}

func TestFeatureVersions(t *testing.T) {
	parts := featureParts(t)
	require.Len(t, parts, len(FeatureVersions()), "every feature has inputs here")
	for name, version := range FeatureVersions() {
		require.NotEmpty(t, parts[name], name)
		// Sound goes through a transform whose last bits depend on the processor.
		// Rounded to so much, a difference of 1e-8 changes none of the values here
		// with a probability of 99 %, and one of 1e-4 is found in some of them.
		quantum := 1e-4
		if name == EmotionSource.Feature.Name {
			quantum = 1e-2
		}
		key := fmt.Sprintf("%s %d", name, version)
		assert.Equal(t, featureHashes[key], hashParts(parts[name], quantum), "%s: the feature is not what it was: see featureHashes", key)
	}
}

func hashParts(parts []Part, quantum float64) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%s %d %d\n", p.Name, len(p.Input), len(p.Target))
		for _, values := range [][]float32{p.Input, p.Target} {
			for _, v := range values {
				_ = binary.Write(h, binary.LittleEndian, int64(math.Round(float64(v)/quantum)))
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// featureParts gives the parts that each feature makes of small inputs.
func featureParts(t *testing.T) map[string][]Part {
	t.Helper()
	dir := t.TempDir()
	parts := map[string][]Part{}
	read := func(s Files, path string) {
		f, err := s.Features(path)
		require.NoError(t, err, path)
		for _, p := range f.Parts {
			p.Name = filepath.Base(path) + " " + p.Name
			parts[s.Feature.Name] = append(parts[s.Feature.Name], p)
		}
	}
	for i, format := range []struct{ code, rate, channels, bits int }{{1, 22050, 1, 16}, {1, 48000, 2, 24}, {1, 11025, 1, 8}, {6, 8000, 1, 8}} {
		path := filepath.Join(dir, fmt.Sprintf("%d.wav", i))
		require.NoError(t, os.WriteFile(path, sawtooth(format.code, format.rate, format.channels, format.bits), 0o600))
		read(EmotionSource, path)
	}
	for _, kind := range []string{"mp3", "opus"} {
		text, err := os.ReadFile("../music/audio/testdata/" + kind + ".json")
		require.NoError(t, err)
		var streams []map[string]any
		require.NoError(t, json.Unmarshal(text, &streams))
		for i, stream := range streams {
			var content []byte
			require.NoError(t, json.Unmarshal(fmt.Appendf(nil, "%q", stream[kind]), &content))
			path := filepath.Join(dir, fmt.Sprintf("%d.%s", i, kind))
			require.NoError(t, os.WriteFile(path, content, 0o600))
			read(EmotionSource, path)
		}
	}
	for source, folder := range map[*Files]string{&MelodySource: "groove", &DynamicsSource: "dynamics", &GrooveSource: "groove"} {
		files, err := filepath.Glob("../music/" + folder + "/testdata/*.mid")
		require.NoError(t, err)
		for _, file := range files {
			if _, err := source.Features(file); err == nil { // some are there to give nothing
				read(*source, file)
			}
		}
	}
	read(MelodySource, "../music/midi/testdata/mido.mid")
	names := `C Am F G7 "N" Dm7b5 Bbmaj7 E+ Asus4 D5 F#ø7 Ab:hdim7/b3 C:1(b3,b7) G:sus4(b7,9) X Dh7 Ebj7 C07 D%7 Bb6/9 C7(b9,#11) A2 B° Cm(maj7) Edim7/G G7sus4 Cno3 F:maj(*3) ? Gb:min7`
	list, err := json.Marshal(strings.Fields(strings.ReplaceAll(names, `"`, "")))
	require.NoError(t, err)
	progression := readProgression(fmt.Appendf(nil, `{"id": "p", "key": "Bb minor", "chords": %s, "emotion": {"valence": 0.25, "arousal": 0.75}}`, list), 1)
	require.Empty(t, progression.fault)
	parts["harmony.contexts"] = progression.parts()
	return parts
}

// sawtooth is a WAV file of 2.2 s: a tone that rises and falls.
func sawtooth(code, rate, channels, bits int) []byte {
	var samples []byte
	for i := range rate * 22 / 10 {
		for c := range channels {
			v := uint32(i*(3+c)%(1<<7)*(1+i*64/rate)) << 16 // in 32 bits, from 0 on
			sample := binary.LittleEndian.AppendUint32(nil, v)
			samples = append(samples, sample[4-bits/8:]...)
		}
	}
	le := binary.LittleEndian
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00")
	b = le.AppendUint16(le.AppendUint16(b, uint16(code)), uint16(channels))
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(rate*channels*bits/8))
	b = le.AppendUint16(le.AppendUint16(b, uint16(channels*bits/8)), uint16(bits))
	b = le.AppendUint32(append(b, "data"...), uint32(len(samples)))
	b = append(b, samples...)
	le.PutUint32(b[4:], uint32(len(b)-8))
	return b
}
