// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/torch/torchtest"
)

// BenchmarkFeatures times the feature of a sound file, ours and librosa's: medians of
// rounds in which each of them takes each file in turn.
func BenchmarkFeatures(b *testing.B) {
	title := "Features of a sound file: ms of processor time, and ratios"
	if err := exec.Command(torchtest.Python(b), "-c", "import librosa").Run(); err != nil {
		section(title, nil, "left out: the Python of ETUDE_TEST_PYTHON lacks librosa")
		b.Skip("the Python of ETUDE_TEST_PYTHON lacks librosa")
	}
	rounds := 15
	if testing.Short() {
		rounds = 5
	}
	// Spinning threads of BLAS would count as work.
	ask := ask(b, "features.py", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	names := []string{"ours", "librosa", "kept"}
	rows := [][]string{{"", "ours", "librosa", "librosa, mel filters made once", "librosa / ours", "made once / ours"}}
	for _, kind := range []string{"wav", "flac", "mp3"} {
		files, err := filepath.Glob(filepath.Join(torchtest.SharedData(b, "training", "audio"), "*."+kind))
		require.NoError(b, err)
		require.NotEmpty(b, files)
		median := map[string]float64{}
		for _, path := range files {
			took := map[string][]float64{}
			for range rounds {
				start := processorTime(b)
				_, err := audio.LogMel(path)
				require.NoError(b, err)
				took["ours"] = append(took["ours"], (processorTime(b)-start).Seconds()*1e3)
				for _, variant := range names[1:] {
					var ms float64
					ask(&ms, variant, path)
					took[variant] = append(took[variant], ms)
				}
			}
			for _, name := range names {
				slices.Sort(took[name])
				median[name] += took[name][rounds/2] / float64(len(files))
			}
		}
		row := []string{kind}
		for _, v := range []float64{median["ours"], median["librosa"], median["kept"], median["librosa"] / median["ours"], median["kept"] / median["ours"]} {
			row = append(row, fmt.Sprintf("%.2f", v))
		}
		rows = append(rows, row)
	}
	section(title, rows)
	b.ReportMetric(0, "ns/op") // it means nothing here
}

// ask starts a script and returns a function that writes a line to it and reads its answer,
// which is JSON.
func ask(b *testing.B, script string, environment ...string) func(answer any, line ...any) {
	g := start(b, "env", append(environment, torchtest.Python(b), script)...)
	require.NoError(b, g.absent)
	return func(answer any, line ...any) {
		text, err := g.Ask(strings.TrimSpace(fmt.Sprintln(line...)))
		require.NoError(b, err)
		require.NoError(b, json.Unmarshal([]byte(text), answer))
	}
}

// processorTime returns what this process has used so far, garbage collection included.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
