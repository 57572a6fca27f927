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
	"golang.org/x/sync/errgroup"

	"github.com/etude-ml/etude/torch/torchtest"
)

// BenchmarkSeeds times 32 seeds of emotion, features and 50 epochs: one process with --seeds,
// a process for each seed, and a Python for each, of which as many run at a time as there are
// processors. Features are kept, except in the row that says anew, for which a few are measured.
func BenchmarkSeeds(b *testing.B) {
	torchtest.Need(b)
	const seeds = 32
	python, times, measured, few := torchtest.Python(b), 8, seeds, 8
	if testing.Short() {
		times, measured, few = 2, 4, 2
	}
	folder, dir := copies(b, times), b.TempDir()
	etude := filepath.Join(dir, "etude")
	command(b, nil, "go", "build", "-o", etude, "../etude")
	require.NoError(b, os.Mkdir(filepath.Join(dir, "ours"), 0o755))
	environment := []string{"ETUDE_CACHE=" + filepath.Join(dir, "cache"), "OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1"}
	train := func(args ...string) []string {
		return append([]string{"train", "emotion", "--data", folder, "--epochs", "50", "--patience", "50", "--batch-size", "64", "--json"}, args...)
	}
	// each runs a program for each of the first measured seeds, and returns what all 32 take.
	each := func(measured int, run func(seed string) sample) (all sample) {
		start := time.Now()
		var g errgroup.Group
		var mu sync.Mutex
		g.SetLimit(runtime.NumCPU())
		for i := range measured {
			g.Go(func() error {
				took := run(fmt.Sprint(i))
				mu.Lock()
				defer mu.Unlock()
				all.processor += took.processor * seeds / float64(measured)
				return nil
			})
		}
		require.NoError(b, g.Wait())
		all.seconds = time.Since(start).Seconds() * seeds / float64(measured)
		return all
	}
	one, _ := command(b, environment, etude, train("--out", filepath.Join(dir, "sweep"), "--seeds", fmt.Sprintf("0-%d", seeds-1))...)
	processes := each(measured, func(seed string) sample {
		took, _ := command(b, environment, etude, train("--out", filepath.Join(dir, "ours", seed), "--seed", seed)...)
		return took
	})
	inPython := func(to, seed string) sample {
		require.NoError(b, os.MkdirAll(to, 0o755))
		took, _ := command(b, environment, python, "job.py", "train", folder, to, to, "emotion", seed)
		return took
	}
	kept := filepath.Join(dir, "python")
	inPython(kept, "0")
	pythons := each(measured, func(seed string) sample { return inPython(kept, seed) })
	anew := each(few, func(seed string) sample { return inPython(filepath.Join(dir, "anew", seed), seed) })
	rows := [][]string{{"", "seconds", "to one process", "of processors", "to one process"}}
	for _, r := range []struct {
		name string
		took sample
	}{{"one process, --seeds 0-31", one}, {"32 processes of ours", processes}, {"32 of Python", pythons}, {"32 of Python, features anew", anew}} {
		rows = append(rows, []string{r.name, fmt.Sprintf("%.1f", r.took.seconds), fmt.Sprintf("%.1f", r.took.seconds/one.seconds),
			fmt.Sprintf("%.1f", r.took.processor), fmt.Sprintf("%.1f", r.took.processor/one.processor)})
	}
	section(fmt.Sprintf("32 seeds of emotion: features of %d copies of the shared files and 50 epochs", times), rows,
		fmt.Sprintf("%d of 32 programs were measured, %d of those that read features anew; the rest is their share; one process held %.0f MB", measured, few, one.megabytes))
	b.ReportMetric(0, "ns/op") // it means nothing here
}
