// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
			librosa := startLibrosa(b)
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
						took[variant] = append(took[variant], librosa(variant, path))
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

// startLibrosa starts Python with features.py and returns a function that asks it.
func startLibrosa(b *testing.B) func(variant, path string) float64 {
	python := torchtest.Python(b)
	if err := exec.Command(python, "-c", "import librosa").Run(); err != nil {
		b.Skip("the Python of ETUDE_TEST_PYTHON lacks librosa")
	}
	cmd := exec.Command(python, "features.py")
	cmd.Stderr = os.Stderr
	// Spinning threads of BLAS would count as work.
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		in.Close()
		require.NoError(b, cmd.Wait())
	})
	answers := bufio.NewReader(out)
	return func(variant, path string) float64 {
		fmt.Fprintln(in, variant, path)
		line, err := answers.ReadString('\n')
		require.NoError(b, err)
		ms, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		require.NoError(b, err)
		return ms
	}
}

// processorTime returns what this process has used so far, garbage collection included.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
