// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// made is a dataset of a function.
type made struct {
	n      int
	sample func(i int) (Sample, error)
}

func (m made) Len() int                     { return m.n }
func (m made) Sample(i int) (Sample, error) { return m.sample(i) }

// sequences has samples with a sequence of any length and three arrays of other types, which take
// different times to make.
var sequences = made{53, func(i int) (Sample, error) {
	time.Sleep(time.Duration(i*7919%5) * 100 * time.Microsecond)
	x := make([]float32, 2*(1+i*31%6))
	for j := range x {
		x[j] = float32(100*i + j)
	}
	return Sample{X: FromSlice(x, len(x)/2, 2), Y: Scalar(int64(i)), More: map[string]Array{
		"image": FromSlice([]uint8{uint8(i), 1, 2, 3}, 2, 2), "flag": FromSlice([]bool{i%2 == 0}),
	}}, nil
}}

// jitter is an augmentation that draws a number of values that differs from sample to sample.
func jitter(r *rand.Rand, s *Sample) error {
	for range r.IntN(4) {
		x := ToSlice[float32](s.X)
		x[r.IntN(len(x))] += r.Float32()
	}
	return nil
}

// written describes a batch fully.
func written(b Batch) string {
	out := fmt.Sprintf("%d X %v %v %x", b.Len, b.X.DType(), b.X.Shape(), b.X.Bytes())
	if b.Y != nil {
		out += fmt.Sprintf(" Y %v %v %x", b.Y.DType(), b.Y.Shape(), b.Y.Bytes())
	}
	for _, name := range slices.Sorted(maps.Keys(b.More)) {
		t := b.More[name]
		out += fmt.Sprintf(" %s %v %v %x", name, t.DType(), t.Shape(), t.Bytes())
	}
	return out
}

// hashes returns the hash of each batch.
func hashes(t *testing.T, s Source, e Epoch) (list []string) {
	t.Helper()
	for b, err := range s.Epoch(e) {
		require.NoError(t, err)
		list = append(list, fmt.Sprintf("%x", sha256.Sum256([]byte(written(b)))))
	}
	return list
}

// Whatever the number of workers and wherever an epoch was interrupted, its batches are
// the same, with padding, augmentation and a weighted sampler that repeats samples.
func TestLoaderIsTheSameForAnyWorkers(t *testing.T) {
	torchtest.NoLeaks(t)
	weights := make([]float64, sequences.n)
	for i := range weights {
		weights[i] = float64(i % 4)
	}
	sampler := Weighted{Weights: weights, Num: 61}
	const size, seed = 4, 7
	all := map[string]bool{}
	for epoch := range 2 {
		order := sampler.Order(seed, epoch)
		var want []string
		for _, workers := range []int{1, 2, 7} {
			for _, prefetch := range []int{0, 1, 3} {
				l := &Loader{Data: sequences, Workers: workers, Prefetch: prefetch, Augment: jitter, Pad: map[string]float64{"X": -1}}
				got := hashes(t, l, Epoch{Size: size, Order: order, Seed: seed, Number: epoch})
				if want == nil {
					want = got
					require.Len(t, want, 16)
				}
				require.Equal(t, want, got, "%d workers, %d ahead", workers, prefetch)
				for done := range len(want) {
					if done%5 != workers%5 {
						continue // every place is tried with one number of workers at least
					}
					rest := Epoch{Size: size, Order: order[done*size:], First: done * size, Seed: seed, Number: epoch}
					require.Equal(t, want[done:], hashes(t, l, rest), "%d workers, from batch %d", workers, done)
				}
			}
		}
		for _, h := range want {
			assert.False(t, all[h], "two batches are the same")
			all[h] = true
		}
	}
	// Seed, Number and position all matter to what is drawn.
	l := &Loader{Data: made{1, func(int) (Sample, error) { return Sample{X: FromSlice(make([]float32, 8))}, nil }}, Augment: jitter}
	drawn := map[string]bool{}
	for seed := range uint64(2) {
		for number := range 2 {
			for first := range 2 {
				drawn[hashes(t, l, Epoch{Size: 3, Order: []int{0, 0, 0}, First: 3 * first, Seed: seed, Number: number})[0]] = true
			}
		}
	}
	assert.Len(t, drawn, 8)
}

// The generators of neighbours are independent: their first numbers are uniform, and those
// of one position say nothing about the next's.
func TestLoaderGenerators(t *testing.T) {
	const n = 100_000
	pcg := &rand.PCG{}
	r := rand.New(pcg)
	var cells [10][10]int
	last := 0
	for at := range n {
		pcg.Seed(3, stream(at%5, at/5))
		cell := int(r.Float64() * 10)
		cells[last][cell]++
		last = cell
	}
	for i := range cells {
		for j := range cells {
			near(t, 0.01, float64(cells[i][j])/n, n, fmt.Sprint(i, j))
		}
	}
}

func TestLoaderKeepsTheOrder(t *testing.T) {
	torchtest.NoLeaks(t)
	l := &Loader{Data: sequences, Workers: 5, Pad: map[string]float64{"X": 0}}
	for _, order := range [][]int{nil, Order(sequences.n, 1, 1), {3, 3, 50, 3}, {}} {
		var got []int
		for b, err := range l.Epoch(Epoch{Size: 5, Order: order}) {
			require.NoError(t, err)
			for i, y := range torch.ToSlice[int64](b.Y) {
				got = append(got, int(y))
				assert.Equal(t, float32(100*y), b.X.Float32s()[i*b.X.Size(1)*2])
			}
			assert.Equal(t, []int{b.Len, 2, 2}, b.More["image"].Shape())
		}
		if order == nil {
			order = Sequential(sequences.n).Order(0, 0)
		}
		assert.Equal(t, order, append([]int{}, got...))
	}
}

// Padding is that of pad_sequence.
func TestLoaderPads(t *testing.T) {
	torchtest.NoLeaks(t)
	var golden struct {
		Padded []struct {
			DType    string
			Value    float64
			Row      []int
			Lengths  []int
			Elements [][]float64
			Shape    []int
			Padded   []float64
		}
	}
	torchtest.Golden(t, "testdata/loader.json", &golden)
	require.NotEmpty(t, golden.Padded)
	for _, c := range golden.Padded {
		dtype, err := torch.ParseDType(c.DType)
		require.NoError(t, err)
		set := made{len(c.Lengths), func(i int) (s Sample, err error) {
			torch.Scope(func() {
				a := Array{torch.FromSlice(c.Elements[i]).ToDType(dtype).Bytes(), dtype, append([]int{c.Lengths[i]}, c.Row...)}
				s = Sample{X: FromSlice([]float32{1}), More: map[string]Array{"words": a}}
			})
			return s, nil
		}}
		l := &Loader{Data: set, Workers: 1, Pad: map[string]float64{"words": c.Value}}
		for b, err := range l.Epoch(Epoch{Size: len(c.Lengths)}) {
			require.NoError(t, err)
			words := b.More["words"]
			assert.Equal(t, dtype, words.DType())
			assert.Equal(t, c.Shape, words.Shape())
			assert.Equal(t, c.Padded, words.Float64s())
			lengths := torch.ToSlice[int64](b.More["words_lengths"])
			for i, n := range c.Lengths {
				assert.EqualValues(t, n, lengths[i])
			}
		}
	}
}

// A loader pads with what Pad says now.
func TestLoaderPadsAnew(t *testing.T) {
	torchtest.NoLeaks(t)
	l := &Loader{Workers: 1, Data: made{2, func(i int) (Sample, error) { return Sample{X: FromSlice(make([]float32, i))}, nil }}}
	for _, value := range []float64{1, 2} {
		l.Pad = map[string]float64{"X": value}
		for b, err := range l.Epoch(Epoch{Size: 2}) {
			require.NoError(t, err)
			assert.Equal(t, []float32{float32(value), 0}, b.X.Float32s())
		}
	}
}

// folder has files, one of which is absent and one too short.
type folder struct{ dir string }

func (f folder) Len() int          { return 8 }
func (f folder) Name(i int) string { return fmt.Sprintf("%d.raw", i) }

func (f folder) Sample(i int) (Sample, error) {
	x, err := os.ReadFile(filepath.Join(f.dir, f.Name(i)))
	return Sample{X: Array{x, torch.Float32, []int{2}}}, err
}

func newFolder(t *testing.T) folder {
	f := folder{t.TempDir()}
	for i := range f.Len() {
		x := FromSlice([]float32{float32(i), -1}).Bytes
		if i == 5 {
			x = x[:7]
		}
		if i != 2 {
			require.NoError(t, os.WriteFile(filepath.Join(f.dir, f.Name(i)), x, 0o600))
		}
	}
	return f
}

// visit returns the first elements of the samples that come, and the error that ends it.
func visit(l *Loader, e Epoch) (got []float32, failed error) {
	for b, err := range l.Epoch(e) {
		if err != nil {
			return got, err
		}
		got = append(got, torch.ToSlice[float32](b.X.Select(1, 0))...)
	}
	return got, nil
}

func TestLoaderSkips(t *testing.T) {
	torchtest.NoLeaks(t)
	f := newFolder(t)
	for _, workers := range []int{1, 3} {
		l := &Loader{Data: f, Workers: workers}
		got, err := visit(l, Epoch{Size: 2})
		assert.Equal(t, []float32{0, 1}, got)
		require.ErrorContains(t, err, "data: 2.raw (sample 2): open ")
		require.ErrorIs(t, err, fs.ErrNotExist)
		assert.Empty(t, l.Skipped())

		l.MaxSkip = 1
		got, err = visit(l, Epoch{Size: 2})
		assert.Equal(t, []float32{0, 1, 3}, got)
		require.EqualError(t, err, "data: 5.raw (sample 5): X: 7 bytes are not the elements of float32 [2]; 1 other samples failed before, and MaxSkip allows no more")

		l.MaxSkip = 2
		for range 2 { // a sample that fails again is not counted again
			got, err = visit(l, Epoch{Size: 2})
			require.NoError(t, err)
			assert.Equal(t, []float32{0, 1, 3, 4, 6, 7}, got)
		}
		skipped := l.Skipped()
		require.Len(t, skipped, 2)
		assert.Equal(t, "2.raw (sample 2)", skipped[0].Name)
		assert.Contains(t, skipped[0].Reason, "no such file")
		assert.Equal(t, Skip{"5.raw (sample 5)", "X: 7 bytes are not the elements of float32 [2]"}, skipped[1])

		_, err = visit(l, Epoch{Size: 2, Order: []int{0, 1, 2, 5}})
		require.ErrorContains(t, err, "data: all 2 samples of a batch failed, the last one was 5.raw (sample 5): X: ")
	}
}

func TestLoaderErrors(t *testing.T) {
	torchtest.NoLeaks(t)
	one := FromSlice([]float32{1})
	at3 := func(s Sample, f func()) func(int) (Sample, error) {
		return func(i int) (Sample, error) {
			if i != 3 {
				return Sample{X: one}, nil
			}
			f()
			return s, nil
		}
	}
	nothing := func() {}
	pad := map[string]float64{"X": 0}
	for want, l := range map[string]*Loader{
		`data: sample 3: panic at .*loader_test\.go:\d+: runtime error: index out of range \[7\] with length 2`: {Data: made{8, at3(Sample{}, func() { s := make([]int, 2); s[len(os.Args[0])*0+7]++ })}},
		`data: sample 3: panic at .*: no luck`:                                             {Data: made{8, at3(Sample{}, func() { panic("no luck") })}},
		`data: sample 3: panic at .*: torch: .*`:                                           {Data: made{8, at3(Sample{}, func() { torch.Ones([]int{2}).Matmul(torch.Ones([]int{3})) })}},
		`data: sample 3: X: it is int64 \[1\], where samples before it are float32 \[1\]`:  {Data: made{8, at3(Sample{X: FromSlice([]int64{1})}, nothing)}},
		`data: sample 3: X: it is float32 \[2\], where samples before it are .*; Pad is`:   {Data: made{8, at3(Sample{X: FromSlice([]float32{1, 2})}, nothing)}},
		`data: sample 3: it has 0 arrays, not \["X"\]`:                                     {Data: made{8, at3(Sample{}, nothing)}},
		`data: sample 3: Y: samples before it do not have this array`:                      {Data: made{8, at3(Sample{X: one, Y: one}, nothing)}},
		`data: sample 3: X: it has no dimensions`:                                          {Data: made{8, at3(Sample{X: Scalar(float32(1))}, nothing)}, Pad: pad},
		`data: sample 3: X: it is float32 \[2\], where samples before it are float32 \[\]`: {Data: made{8, at3(Sample{X: FromSlice([]float32{1, 2}, 1, 2)}, nothing)}, Pad: pad},
		`data: sample 3: X: 4 bytes are not the elements of float32 \[-1 -1\]`:             {Data: made{8, at3(Sample{X: Array{one.Bytes, torch.Float32, []int{-1, -1}}}, nothing)}},
		`data: sample 0: it has no array "Z", which Pad names`:                             {Data: made{8, at3(Sample{X: one}, nothing)}, Pad: map[string]float64{"Z": 0}},
		`data: Sample or Augment has ended its goroutine`:                                  {Data: made{8, at3(Sample{}, runtime.Goexit)}},
		`torch: .*`: {Data: made{8, func(int) (Sample, error) { return Sample{X: FromSlice([]int8{1})}, nil }}, Pad: map[string]float64{"X": 1000}},
		`data: sample 0: it has an array "X_lengths", where the lengths of "X" belong`: {Data: made{8, func(int) (Sample, error) {
			return Sample{X: one, More: map[string]Array{"X_lengths": one}}, nil
		}}, Pad: pad},
		`data: sample 0: no more`: {Data: made{8, at3(Sample{X: one}, nothing)}, Augment: func(*rand.Rand, *Sample) error { return errors.New("no more") }},
	} {
		l.Workers = 1
		_, err := visit(l, Epoch{Size: 4})
		require.Error(t, err, want)
		assert.Regexp(t, "^"+want, err.Error())
	}
	for want, e := range map[string]Epoch{"a batch of 0 samples": {}, "names sample 8 of 8": {Size: 1, Order: []int{8}}} {
		require.ErrorContains(t, torch.Try(func() { _, _ = visit(&Loader{Data: folder{}}, e) }), want)
	}
	assert.Panics(t, func() { ToSlice[int64](one) })
}

// However the loop ends, no goroutine is left and no tensor; and the loader reads no
// further ahead than it may.
func TestLoaderStops(t *testing.T) {
	torchtest.NoLeaks(t)
	tensors, before := torch.Live().Tensors, runtime.NumGoroutine()
	var read, reading atomic.Int64
	l := &Loader{Workers: 3, Prefetch: 2, Data: made{200, func(i int) (Sample, error) {
		read.Add(1)
		reading.Add(1)
		defer reading.Add(-1)
		time.Sleep(100 * time.Microsecond)
		return Sample{X: FromSlice([]float32{1, 2})}, nil
	}}}
	settle := func(name string) {
		assert.Equal(t, tensors, torch.Live().Tensors, name)
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		assert.LessOrEqual(t, runtime.NumGoroutine(), before, name)
	}
	loop := func(body func(at int, b Batch) bool) func() {
		return func() {
			at := 0
			for b := range l.Epoch(Epoch{Size: 5}) {
				if !body(at, b) {
					break
				}
				at++
				require.LessOrEqual(t, read.Load(), int64((at+2)*5))
			}
		}
	}
	for name, f := range map[string]func(){
		"end":   loop(func(int, Batch) bool { return true }),
		"break": loop(func(at int, _ Batch) bool { return at < 3 }),
		"panic": func() {
			assert.Panics(t, loop(func(at int, b Batch) bool {
				if at == 3 {
					b.X.Matmul(torch.Ones([]int{7}))
				}
				return true
			}))
		},
		"error": func() {
			bad := &Loader{Workers: 3, Data: made{1000, func(i int) (Sample, error) { return Sample{}, errors.New("no") }}}
			_, err := visit(bad, Epoch{Size: 5})
			require.Error(t, err)
		},
	} {
		read.Store(0)
		f()
		assert.Zero(t, reading.Load(), "a sample is read after the loop")
		settle(name)
	}
}

// A batch is one copy to the device for each tensor, and the host reads nothing.
func TestLoaderOnDevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	torchtest.NoLeaks(t)
	host := &Loader{Data: sequences, Pad: map[string]float64{"X": 0}, Augment: jitter}
	l := &Loader{Data: sequences, To: device, Workers: 2, Pad: host.Pad, Augment: jitter}
	assert.Equal(t, device, l.Device())
	before := torchtest.PretendTraffic()
	batches := 0
	for b, err := range l.Epoch(Epoch{Size: 8}) {
		require.NoError(t, err)
		for _, x := range append(slices.Collect(maps.Values(b.More)), b.X, b.Y) {
			assert.Equal(t, device, x.Device())
		}
		batches++
	}
	if torchtest.IsPretend(device) {
		got := torchtest.PretendTraffic().Since(before)
		assert.Equal(t, torchtest.Traffic{ToDevice: int64(5 * batches), Calls: got.Calls}, got)
	}
	assert.Equal(t, hashes(t, host, Epoch{Size: 8}), hashes(t, l, Epoch{Size: 8}))
}

// A set is a dataset, and a loader of it yields what it yields itself. Epochs may run at
// once.
func TestLoaderOfASet(t *testing.T) {
	torchtest.NoLeaks(t)
	set := ten().Tensors(torch.CPU)
	defer set.Close()
	set.More = map[string]*torch.Tensor{"number": torch.Arange(0, 10, 1)}
	assert.Equal(t, "c", set.Name(2))
	assert.Empty(t, (&Set{X: set.X}).Name(2))
	l := &Loader{Data: set}
	e := Epoch{Size: 3, Order: Order(10, 1, 1)}
	want := hashes(t, set, e)
	assert.Equal(t, want, hashes(t, l, e))
	outer := 0
	for range l.Epoch(e) {
		assert.Equal(t, want, hashes(t, l, e))
		outer++
	}
	assert.Len(t, want, outer)
}

func TestLoaderIdentity(t *testing.T) {
	set := ten().Tensors(torch.CPU)
	defer set.Close()
	seen := map[string]int{}
	for i, l := range []*Loader{
		{Data: sequences}, {Data: folder{}}, {Data: set}, {Data: set, Fingerprint: "a"}, {Data: set, Fingerprint: "b"},
		{Data: set, Pad: map[string]float64{"X": 0}}, {Data: set, Pad: map[string]float64{"X": 1}},
	} {
		assert.Equal(t, l.Identity(), l.Identity())
		before, again := seen[l.Identity()]
		assert.False(t, again, "%d and %d", before, i)
		seen[l.Identity()] = i
	}
	assert.Equal(t, (&Loader{Data: set}).Identity(), (&Loader{Data: set, Workers: 3, Prefetch: 9, MaxSkip: 4}).Identity())
}
