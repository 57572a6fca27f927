// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// BenchmarkSeeds times 32 seeds of emotion, features and 50 epochs: one process with --seeds,
// a process for each seed, and a Python for each, of which as many run at a time as there are
// processors. Features are kept, but where it says anew.
func BenchmarkSeeds(b *testing.B) {
	torchtest.Need(b)
	const seeds = 32
	python, times, measured := torchtest.Python(b), 8, seeds
	if testing.Short() {
		times, measured = 2, 4
	}
	folder, dir := copies(b, times), b.TempDir()
	etude := filepath.Join(dir, "etude")
	command(b, nil, "go", "build", "-o", etude, "../etude")
	for _, name := range []string{"ours", "python", "anew"} {
		require.NoError(b, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	environment := []string{"ETUDE_CACHE=" + filepath.Join(dir, "cache"), "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"}
	train := func(args ...string) []string {
		return append([]string{"train", "emotion", "--data", folder, "--epochs", "50", "--patience", "50", "--batch-size", "64", "--json"}, args...)
	}
	// each runs a program for each of the measured seeds, and returns the seconds of all 32.
	each := func(run func(seed string)) float64 {
		queue := make(chan string)
		start := time.Now()
		var wg sync.WaitGroup
		for range runtime.NumCPU() {
			wg.Go(func() {
				for seed := range queue {
					run(seed)
				}
			})
		}
		for i := range measured {
			queue <- fmt.Sprint(i)
		}
		close(queue)
		wg.Wait()
		return time.Since(start).Seconds() * seeds / float64(measured)
	}
	one, _ := command(b, environment, etude, train("--out", filepath.Join(dir, "sweep"), "--seeds", fmt.Sprintf("0-%d", seeds-1))...)
	processes := each(func(seed string) {
		command(b, environment, etude, train("--out", filepath.Join(dir, "ours", seed), "--seed", seed)...)
	})
	kept := filepath.Join(dir, "python")
	command(b, environment, python, "job.py", "train", folder, kept, kept, "emotion", "0")
	pythons := each(func(seed string) {
		command(b, environment, python, "job.py", "train", folder, kept, kept, "emotion", seed)
	})
	anew := each(func(seed string) {
		to := filepath.Join(dir, "anew", seed)
		require.NoError(b, os.MkdirAll(to, 0o755))
		command(b, environment, python, "job.py", "train", folder, to, to, "emotion", seed)
	})
	rows := [][]string{{"", "seconds", "to one process"}, {"one process, --seeds 0-31", fmt.Sprintf("%.2f", one.seconds), "1"}}
	for _, r := range []struct {
		name    string
		seconds float64
	}{{"32 processes of ours", processes}, {"32 of Python", pythons}, {"32 of Python, features anew", anew}} {
		rows = append(rows, []string{r.name, fmt.Sprintf("%.1f", r.seconds), fmt.Sprintf("%.1f", r.seconds/one.seconds)})
	}
	section(fmt.Sprintf("32 seeds of emotion: features of %d copies of the shared files and 50 epochs", times), rows,
		fmt.Sprintf("%d of 32 programs were measured, the rest is their share; one process held %.0f MB", measured, one.megabytes))
	b.ReportMetric(0, "ns/op") // it means nothing here
}
