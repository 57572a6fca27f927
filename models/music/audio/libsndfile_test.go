// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// python returns the interpreter that has librosa and soundfile, or skips the test.
func python(t *testing.T) string {
	t.Helper()
	py := os.Getenv("ETUDE_TEST_PYTHON")
	if py == "" && os.Getenv("ETUDE_TEST_REQUIRE_PYTHON") == "1" {
		t.Fatal("ETUDE_TEST_PYTHON is unset, but ETUDE_TEST_REQUIRE_PYTHON=1")
	}
	if py == "" {
		t.Skip("ETUDE_TEST_PYTHON is unset")
	}
	return py
}

// libsndfileEntry holds what libsndfile decodes from a file.
type libsndfileEntry struct {
	File                   string
	Rate, Channels, Frames int
	Error                  string
	samples                []float64
}

// libsndfile decodes the files that testdata/gen_streams.py writes, and these files.
func libsndfile(t *testing.T, files []string) []libsndfileEntry {
	t.Helper()
	py := python(t)
	dir := t.TempDir()
	args := append([]string{"testdata/gen_streams.py", dir}, files...)
	if msg, err := exec.Command(py, args...).CombinedOutput(); err != nil {
		if strings.Contains(string(msg), "ModuleNotFoundError") && os.Getenv("ETUDE_TEST_REQUIRE_PYTHON") != "1" {
			t.Skip("ETUDE_TEST_PYTHON lacks numpy or soundfile")
		}
		require.NoError(t, err, "%s", msg)
	}
	var index []libsndfileEntry
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &index))
	require.NotEmpty(t, index)
	for n := range index {
		e := &index[n]
		if e.Error != "" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(n)+".f64"))
		require.NoError(t, err)
		require.Len(t, raw, 8*e.Frames)
		for ; len(raw) > 0; raw = raw[8:] {
			e.samples = append(e.samples, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
		}
	}
	return index
}

// difference returns the largest difference and the root mean square, relative to full
// scale or to the louder peak.
func difference(got, want []float64) (worst, rms float64) {
	scale := 1.0
	for i, v := range got {
		d := v - want[i]
		worst, scale = max(worst, math.Abs(d)), max(scale, math.Abs(want[i]))
		rms += d * d
	}
	return worst / scale, math.Sqrt(rms/float64(max(len(got), 1))) / scale
}

// libsndfileLimit returns the largest difference that is allowed for a file. Lossless encodings
// agree to the rounding of one addition. MP3 is computed in float32 there (its
// rounding is about 1e-7 of the peak; 5e-6 leaves room). So are both decoders of
// Opus in its CELT mode (measured: 9e-6). In its SILK mode libopus rounds each
// stage to an integer, and starts anew in another way where the band widens, which shows
// in single samples; there the root mean square counts (measured: 1.6e-3).
func libsndfileLimit(name string) (worst, rms float64) {
	switch {
	case strings.HasSuffix(name, ".mp3"):
		return 5e-6, 5e-6
	case strings.HasPrefix(name, "celt"):
		return 2e-5, 2e-5
	case strings.HasPrefix(name, "silk"):
		return 1, 3e-3
	}
	return 1e-15, 1e-15
}

// TestAgainstLibsndfile compares samples: of files of all kinds that libsndfile
// can write, and of the fixtures. The log is a table of what is decoded. Of Opus,
// features are compared, too: what SILK's rounding does to them shows in bands far
// below the others, and stays below 1 dB (1/80; measured: 0.4 dB).
func TestAgainstLibsndfile(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes every file of the shared data once more, which takes two minutes under the race detector")
	}
	fixtures := fixtureStreams(t)
	kinds := map[string]int{}
	worst := map[string]float64{}
	var worstFeature float64
	for _, e := range libsndfile(t, fixtures) {
		name := filepath.Base(e.File)
		clip, err := Decode(e.File, 0)
		switch {
		case err != nil && e.Error != "":
			t.Logf("%-75s refused: %v; libsndfile: %s", name, errors.Unwrap(err), e.Error)
			continue
		case e.Error != "":
			t.Logf("%-75s %7d frames; libsndfile: %s", name, len(clip.Samples), e.Error)
			continue
		case !assert.NoError(t, err):
			continue
		}
		assert.Equal(t, [2]int{e.Rate, e.Channels}, [2]int{clip.Rate, clip.Channels}, name)
		if !assert.Len(t, clip.Samples, e.Frames, name) {
			continue
		}
		d, rms := difference(clip.Samples, e.samples)
		// libsndfile reads 24 bits in four bytes as if they were packed in three.
		if strings.Contains(name, "pcmwaveformat-24bit-4byte") {
			t.Logf("%-75s %7d frames; libsndfile misreads it", name, len(clip.Samples))
			continue
		}
		limit, rmsLimit := libsndfileLimit(name)
		assert.LessOrEqual(t, d, limit, name)
		assert.LessOrEqual(t, rms, rmsLimit, name)
		if slices.Contains(fixtures, e.File) {
			t.Logf("%-75s %7d frames, largest difference %.1e", name, len(clip.Samples), d)
			continue
		}
		if filepath.Ext(name) == ".opus" {
			got, err := clip.LogMel()
			require.NoError(t, err)
			want, err := (&Clip{Samples: e.samples, Rate: e.Rate}).LogMel()
			require.NoError(t, err)
			worstFeature = max(worstFeature, maxDiff(got, want, Bands))
		}
		// Files written here are named KIND-…
		kind, _, _ := strings.Cut(name, "-")
		if rest, ok := strings.CutPrefix(name, kind+"-"); ok && kind == strings.ToUpper(kind) {
			encoding, _, _ := strings.Cut(rest, "-")
			kind += " " + strings.TrimSuffix(encoding, filepath.Ext(encoding))
		}
		kinds[kind]++
		worst[kind] = max(worst[kind], d)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%-20s %3d files, largest difference %.1e", kind, kinds[kind], worst[kind])
	}
	assert.Less(t, worstFeature, 1.0/80)
	t.Logf("largest difference of an Opus file's feature %.1e", worstFeature)
	for _, kind := range []string{"AIFF PCM_24", "WAV IMA_ADPCM", "WAV MS_ADPCM", "W64 DOUBLE", "mp3", "flac", "celt", "silk"} {
		assert.NotZero(t, kinds[kind], kind)
	}
}
