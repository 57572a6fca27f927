// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// twinLimits says by how much a clip's feature may differ from that of its 16-bit wav. A
// lossless encoding must agree in every band. The noise of the others fills bands that
// were empty, so their limits are for the mean over the bands: 0.02 for MP3, 0.08 for the
// logarithmic laws, 0.5 for 8 bits.
var twinLimits = map[string]float64{
	"pcm_24": 0, "pcm_32": 0, "float": 0, "double": 0, "extensible": 0, "rf64": 0, "aiff": 0, "flac": 0,
	"mp3": 0.02, "ulaw": 0.08, "alaw": 0.08, "pcm_u8": 0.5,
}

// TestTwins checks that the same sound in other kinds of files has the same feature.
func TestTwins(t *testing.T) {
	torchtest.Python(t)
	shared := torchtest.SharedData(t)
	clips, err := filepath.Glob(filepath.Join(shared, "training", "audio", "*.[wf]*"))
	require.NoError(t, err)
	require.NotEmpty(t, clips)
	dir := t.TempDir()
	torchtest.RunPython(t, "testdata/gen_twins.py", append([]string{dir}, clips...)...)

	worst, sum, count := map[string]float64{}, map[string]float64{}, map[string]int{}
	for number := range clips {
		twins, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("%d-*", number)))
		require.NoError(t, err)
		want, err := LogMel(filepath.Join(dir, fmt.Sprintf("%d-pcm_16.wav", number)))
		require.NoError(t, err)
		for _, path := range twins {
			_, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), "-")
			if name == "pcm_16" {
				continue
			}
			require.Contains(t, twinLimits, name)
			got, err := LogMel(path)
			require.NoError(t, err, path)
			most, mean := 0.0, 0.0
			for i := range want {
				d := math.Abs(float64(got[i]) - float64(want[i]))
				most, mean = max(most, d), mean+d/float64(len(want))
			}
			if twinLimits[name] > 0 {
				most = mean
			}
			assert.LessOrEqual(t, most, twinLimits[name], "%s of %s", name, clips[number])
			worst[name], sum[name] = max(worst[name], most), sum[name]+mean
			count[name]++
		}
	}
	assert.Len(t, worst, len(twinLimits))
	names := []string{}
	for name := range worst {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t.Logf("%-10s %2d clips, worst %.1e, on average %.1e", name, count[name], worst[name], sum[name]/float64(count[name]))
	}
}
