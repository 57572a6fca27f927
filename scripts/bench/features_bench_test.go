// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/torch/torchtest"
)

// BenchmarkFeatures reports milliseconds of processor time for the feature of a sound
// file, ours and librosa's, and their ratios: medians of rounds in which each of them
// takes each file in turn.
func BenchmarkFeatures(b *testing.B) {
	const rounds = 15
	for _, kind := range []string{"wav", "flac", "mp3"} {
		b.Run(kind, func(b *testing.B) {
			files, err := filepath.Glob(filepath.Join(torchtest.SharedData(b, "training", "audio"), "*."+kind))
			require.NoError(b, err)
			require.NotEmpty(b, files)
			if err := exec.Command(torchtest.Python(b), "-c", "import librosa").Run(); err != nil {
				b.Skip("the Python of ETUDE_TEST_PYTHON lacks librosa")
			}
			// Spinning threads of BLAS would count as work.
			ask := startPython(b, "features.py", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
			names := []string{"ours", "librosa", "kept"}
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
			for _, name := range names {
				b.ReportMetric(median[name], name+"-ms/file")
			}
			b.ReportMetric(median["librosa"]/median["ours"], "librosa/ours")
			b.ReportMetric(median["kept"]/median["ours"], "librosa-kept-filters/ours")
			b.ReportMetric(0, "ns/op") // it means nothing here
		})
	}
}

// startPython starts a script and returns a function that writes a line to it and reads
// its answer, which is JSON.
func startPython(b *testing.B, script string, env ...string) func(answer any, line ...any) {
	cmd := exec.Command(torchtest.Python(b), script)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), env...)
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		in.Close()
		require.NoError(b, cmd.Wait())
	})
	answers := json.NewDecoder(out)
	return func(answer any, line ...any) {
		fmt.Fprintln(in, line...)
		require.NoError(b, answers.Decode(answer))
	}
}

// processorTime returns what this process has used so far, garbage collection included.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
