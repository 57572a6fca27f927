// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/torchtest"
)

// files is a dataset of files that hold floats numbers each.
type files struct {
	folder        string
	count, floats int
}

func (f files) Len() int { return f.count }

func (f files) path(i int) string {
	return filepath.Join(f.folder, strconv.Itoa(i/1000), strconv.Itoa(i)+".f32")
}

func (f files) Sample(i int) (data.Sample, error) {
	x, err := os.ReadFile(f.path(i))
	return data.Sample{X: data.Array{Bytes: x, DType: torch.Float32, Shape: []int{f.floats}}, Y: data.Scalar(int64(i % 10))}, err
}

// write makes the files; the first number of file i is i, so that sums are exact.
func (f files) write(b *testing.B) {
	x := make([]float32, f.floats)
	for i := range f.count {
		x[0] = float32(i)
		if i%1000 == 0 {
			if err := os.MkdirAll(filepath.Dir(f.path(i)), 0o700); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(f.path(i), data.FromSlice(x).Bytes, 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoader loads many small files, and 5 GB of large ones, with two workers each,
// in turn with PyTorch's DataLoader. It reports samples per second, the geometric mean of
// the ratios, and the most memory that this process had (VmHWM), libtorch's own included.
// The files stay in the kernel's cache where there is room for them.
//
//	go test -run '^$' -bench Loader -benchtime 5x -timeout 1h ./torch/data
func BenchmarkLoader(b *testing.B) {
	for _, c := range []struct {
		name                 string
		count, floats, batch int
	}{
		{"100000-files-of-1kB", 100_000, 256, 64},
		{"5000-files-of-1MB", 5_000, 1 << 18, 8},
	} {
		b.Run(c.name, func(b *testing.B) {
			torchtest.Need(b)
			f := files{b.TempDir(), c.count, c.floats}
			f.write(b)
			const workers = 2
			python := exec.Command(torchtest.Python(b), "testdata/bench_loader.py", f.folder,
				strconv.Itoa(c.count), strconv.Itoa(c.floats), strconv.Itoa(c.batch), strconv.Itoa(workers))
			python.Stderr = os.Stderr
			in, err := python.StdinPipe()
			if err != nil {
				b.Fatal(err)
			}
			out, err := python.StdoutPipe()
			if err != nil {
				b.Fatal(err)
			}
			if err := python.Start(); err != nil {
				b.Fatal(err)
			}
			defer func() {
				_ = in.Close()
				_ = python.Wait()
			}()
			answers := bufio.NewScanner(out)
			if !answers.Scan() {
				b.Fatal("the script ended")
			}
			loader := &data.Loader{Data: f, Workers: workers}
			var ours, theirs, ratio float64
			for epoch := 0; b.Loop(); epoch++ {
				start, sum := time.Now(), 0.0
				for batch, err := range loader.Epoch(data.Epoch{Size: c.batch, Order: data.Order(c.count, 1, epoch), Number: epoch}) {
					if err != nil {
						b.Fatal(err)
					}
					sum += batch.X.Select(1, 0).ToDType(torch.Float64).Sum().Item()
				}
				took := time.Since(start).Seconds()
				fmt.Fprintln(in)
				if !answers.Scan() {
					b.Fatal("the script ended")
				}
				var pytorch, want float64
				if _, err := fmt.Sscan(answers.Text(), &pytorch, &want); err != nil || want != sum {
					b.Fatal(answers.Text(), sum, err)
				}
				b.Logf("%.2f s, PyTorch %.2f s", took, pytorch)
				ours, theirs, ratio = ours+took, theirs+pytorch, ratio+math.Log(pytorch/took)
			}
			n := float64(b.N)
			b.ReportMetric(n*float64(c.count)/ours, "samples/s")
			b.ReportMetric(n*float64(c.count)/theirs, "PyTorch-samples/s")
			b.ReportMetric(math.Exp(ratio/n), "ratio")
			b.ReportMetric(peak(b), "peak-MB")
			b.ReportMetric(0, "ns/op") // it means nothing here
		})
	}
}

// peak returns the most memory that this process has had, in MB.
func peak(b *testing.B) (mb float64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	for line := range bytes.Lines(status) {
		if n, _ := fmt.Sscanf(string(line), "VmHWM: %f kB", &mb); n == 1 {
			return mb * 1024 / 1e6
		}
	}
	return 0
}
