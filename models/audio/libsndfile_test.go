// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// python returns the interpreter with librosa and soundfile, or skips.
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

// TestAgainstLibsndfile compares samples. Lossless files agree to the rounding
// of one addition; MP3 to that of its decoder, which computes in float32 (its
// rounding is about 1e-7 of the peak; 5e-6 leaves room).
func TestAgainstLibsndfile(t *testing.T) {
	py := python(t)
	dir := t.TempDir()
	args := append([]string{"testdata/gen_streams.py", dir}, fixtureStreams(t)...)
	if msg, err := exec.Command(py, args...).CombinedOutput(); err != nil {
		if strings.Contains(string(msg), "ModuleNotFoundError") && os.Getenv("ETUDE_TEST_REQUIRE_PYTHON") != "1" {
			t.Skip("ETUDE_TEST_PYTHON lacks numpy or soundfile")
		}
		require.NoError(t, err, "%s", msg)
	}
	var index []struct {
		File                   string
		Rate, Channels, Frames int
	}
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &index))
	worst := map[string]float64{}
	count := map[string]int{}
	for n, e := range index {
		// libsndfile reads 24 bits in four bytes as if they were packed in three.
		if strings.Contains(e.File, "pcmwaveformat-24bit-4byte") {
			continue
		}
		clip, err := Decode(e.File, 0)
		if !assert.NoError(t, err) {
			continue
		}
		assert.Equal(t, [2]int{e.Rate, e.Channels}, [2]int{clip.Rate, clip.Channels}, e.File)
		if !assert.Len(t, clip.Samples, e.Frames, e.File) {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(n)+".f64"))
		require.NoError(t, err)
		kind := filepath.Ext(e.File)
		d, peak := 0.0, 1.0
		for i, v := range clip.Samples {
			want := math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
			d, peak = max(d, math.Abs(v-want)), max(peak, math.Abs(want))
		}
		d /= peak
		limit := 1e-15
		if kind == ".mp3" {
			limit = 5e-6
		}
		assert.LessOrEqual(t, d, limit, e.File)
		count[kind]++
		worst[kind] = max(worst[kind], d)
	}
	assert.NotZero(t, len(index))
	t.Logf("files %v, largest differences %v", count, worst)
}
