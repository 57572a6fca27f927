// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
)

// Loader makes batches of a [Dataset] while the network trains: goroutines read samples,
// augment them and join them to batches, a few batches ahead of the loop. It is a [Source];
// only Data is needed. What it yields does not depend on the number of goroutines.
//
//	loader := &data.Loader{Data: clips, To: torch.CUDA(0), Augment: noisy}
//	for batch, err := range loader.Epoch(data.Epoch{Size: 64, Order: data.Order(clips.Len(), seed, epoch)}) {
//		…
//	}
//
// A batch on a CUDA device comes from pinned memory, by a copy that the host does not wait
// for. At most Prefetch+1 batches are in memory, and one sample per goroutine.
type Loader struct {
	Data Dataset
	To   torch.Device // where the batches are

	Workers  int // goroutines; 0 for one per processor (GOMAXPROCS)
	Prefetch int // batches ahead of the loop's, ready or in the making; 0 for 2 per worker, as PyTorch

	// Augment, unless nil, changes a sample that was read. What it draws from r depends on
	// the epoch's Seed, its Number and the sample's position alone. Package augment has
	// functions for it.
	Augment func(r *rand.Rand, s *Sample) error

	// Pad names arrays ("X", "Y", or a name of More) that are sequences [length, …] of any
	// length, with the value that fills the shorter ones of a batch up at their ends; other
	// sizes have to be the same. The lengths, int64 [Len], are in the batch's More under the
	// array's name with "_lengths" behind it: "X_lengths". See PyTorch's pad_sequence with
	// batch_first.
	Pad map[string]float64

	// MaxSkip is how many different samples may fail, by an error or a panic of Sample or
	// Augment, before an error ends the epoch. Their batches are smaller; one of which
	// nothing is left is an error. [Loader.Skipped] names them.
	MaxSkip int

	// Fingerprint identifies what the samples and Augment depend on; see [Loader.Identity].
	Fingerprint string

	mu      sync.Mutex
	skipped map[int]Skip // by number
	idle    sync.Pool    // of *collator, whose batches were yielded
}

// Len returns the number of samples.
func (l *Loader) Len() int { return l.Data.Len() }

// Device returns To.
func (l *Loader) Device() torch.Device { return l.To }

// Identity returns a hash of the number of samples, of Pad, and of Fingerprint, or where
// that is empty of what the dataset's method Identity returns, if it has one. Neither the
// samples nor Augment are looked at.
func (l *Loader) Identity() string {
	print := l.Fingerprint
	if d, ok := l.Data.(interface{ Identity() string }); ok && print == "" {
		print = d.Identity()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q %v", l.Len(), print, l.Pad))
	return hex.EncodeToString(sum[:])
}

// Skipped returns the samples that were left out so far, by their numbers.
func (l *Loader) Skipped() []Skip {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Skip
	for _, i := range slices.Sorted(maps.Keys(l.skipped)) {
		list = append(list, l.skipped[i])
	}
	return list
}

// Epoch yields the batches that e describes. When the loop has ended, however it did, no
// goroutine is left; one that reads a sample is waited for. It panics as [Set.Batches]
// does. Several epochs may run at once.
func (l *Loader) Epoch(e Epoch) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		mustFit(e.Size, e.Order, l.Len())
		n := l.Len()
		if e.Order != nil {
			n = len(e.Order)
		}
		workers := cmp.Or(max(l.Workers, 0), runtime.GOMAXPROCS(0))
		prefetch := cmp.Or(max(l.Prefetch, 0), 2*workers)

		var (
			queue   = make(chan *job, prefetch)
			ahead   []*job // in order; what is in the queue, in the making, or done
			next    int    // the first position that is not in ahead yet
			stop    atomic.Bool
			running sync.WaitGroup
		)
		fill := func() {
			for ; next < n && len(ahead) < prefetch; next += e.Size {
				j := &job{first: next, size: min(e.Size, n-next), done: make(chan struct{})}
				if j.batch, _ = l.idle.Get().(*collator); j.batch == nil {
					j.batch = &collator{}
				}
				ahead = append(ahead, j)
				queue <- j
			}
		}
		for range workers {
			running.Go(func() { l.work(e, queue, &stop) })
		}
		defer func() { // also if the body panics
			stop.Store(true)
			close(queue)
			running.Wait()
			for _, j := range ahead {
				j.close()
			}
		}()
		// The memory of a batch stays with the thread that freed it, for the next batch.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for fill(); len(ahead) > 0; {
			j := ahead[0]
			<-j.done
			ahead = ahead[1:]
			fill()
			err, more := l.settle(j), false
			torch.Scope(func() {
				var b Batch
				if err == nil {
					err = torch.Try(func() { b = j.move(l.To) })
				}
				j.close()
				l.idle.Put(j.batch)
				more = yield(b, err) && err == nil
			})
			if !more {
				return
			}
		}
	}
}

// job is one batch: size samples of the epoch's order from position first on.
type job struct {
	first, size int
	batch       *collator
	done        chan struct{} // closed when batch and the rest are there

	pinned map[string]*torch.Tensor // the batch's tensors for a CUDA device
	failed []failure
	err    error // ends the epoch
}

type failure struct {
	sample int
	err    error
}

var errEnded = errors.New("data: Sample or Augment has ended its goroutine")

// work makes the batches of a queue, until stop leaves the rest of them empty.
func (l *Loader) work(e Epoch, queue <-chan *job, stop *atomic.Bool) {
	pcg := &rand.PCG{}
	r := rand.New(pcg)
	collect := func(j *job) error {
		j.batch.begin(j.size, l.Pad)
		for at := j.first; at < j.first+j.size && !stop.Load(); at++ {
			i := at
			if e.Order != nil {
				i = e.Order[at]
			}
			position := e.First + at
			if e.Positions != nil {
				position = e.Positions[at]
			}
			pcg.Seed(e.Seed, stream(e.Number, position))
			s, err := l.sample(i, r)
			if err != nil {
				j.failed = append(j.failed, failure{i, err})
				if l.MaxSkip <= 0 {
					return nil
				}
				continue
			}
			if err := j.batch.add(s); err != nil {
				return fmt.Errorf("data: %s: %w", l.name(i), err)
			}
		}
		if l.To.Type == torch.DeviceCUDA && j.batch.n > 0 {
			return j.pin(l.To.Index)
		}
		return nil
	}
	for j := range queue {
		func() {
			defer close(j.done)
			j.err = errEnded // also if Sample calls runtime.Goexit, as a test's FailNow does
			if err := torch.Try(func() { j.err = collect(j) }); err != nil {
				j.err = err
			}
		}()
	}
}

// stream numbers the generators of an epoch's positions, apart from those of [Order].
func stream(epoch, position int) uint64 {
	return 1<<63 | uint64(epoch)<<32 | uint64(position)
}

// pin makes the tensors of the batch in pinned memory, which belongs to the current device.
func (j *job) pin(device int) error {
	return cuda.OnDevice(device, func() {
		torch.Scope(func() {
			j.pinned = j.batch.tensors()
			for name, t := range j.pinned {
				j.pinned[name] = t.PinMemory().Keep()
			}
		})
	})
}

// move returns the batch on its device, in the current scope. Memory that is not pinned is
// filled here, by the thread that frees it: the workers' would stay with their threads.
func (j *job) move(to torch.Device) (b Batch) {
	b.Len = j.batch.n
	tensors := j.pinned
	if tensors == nil {
		tensors = j.batch.tensors()
	}
	for name, t := range tensors {
		t = t.ToNonBlocking(to)
		switch name {
		case "X":
			b.X = t
		case "Y":
			b.Y = t
		default:
			if b.More == nil {
				b.More = map[string]*torch.Tensor{}
			}
			b.More[name] = t
		}
	}
	return b
}

// close frees pinned memory, which libtorch uses again once copies from it are done.
func (j *job) close() {
	for _, t := range j.pinned {
		t.Close()
	}
}

// settle notes what j left out, and returns why the epoch cannot go on. It is called in
// the order of the batches, so that the same samples come to the same end.
func (l *Loader) settle(j *job) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range j.failed {
		name := l.name(f.sample)
		if l.skipped == nil {
			l.skipped = map[int]Skip{}
		}
		if _, known := l.skipped[f.sample]; !known && len(l.skipped) >= l.MaxSkip {
			err := fmt.Errorf("data: %s: %w", name, f.err)
			if l.MaxSkip > 0 {
				err = fmt.Errorf("%w; %d other samples failed before, and MaxSkip allows no more", err, l.MaxSkip)
			}
			return err
		}
		l.skipped[f.sample] = Skip{name, f.err.Error()}
	}
	if j.err == nil && len(j.failed) == j.size {
		last := j.failed[len(j.failed)-1]
		return fmt.Errorf("data: all %d samples of a batch failed, the last one was %s: %w", j.size, l.name(last.sample), last.err)
	}
	return j.err
}

// name returns how messages call a sample.
func (l *Loader) name(i int) string {
	number := fmt.Sprint("sample ", i)
	if d, ok := l.Data.(interface{ Name(i int) string }); ok && d.Name(i) != "" {
		return fmt.Sprintf("%s (%s)", d.Name(i), number)
	}
	return number
}

// sample reads and augments sample i. A panic becomes an error that names the place.
func (l *Loader) sample(i int, r *rand.Rand) (s Sample, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic at %s: %v", origin(), p)
		}
	}()
	if s, err = l.Data.Sample(i); err == nil && l.Augment != nil {
		err = l.Augment(r, &s)
	}
	for name, a := range s.arrays() {
		if faulty := a.check(); faulty != nil {
			err = cmp.Or(err, fmt.Errorf("%s: %w", name, faulty))
		}
	}
	return s, err
}

// origin returns the file and line of the panic that the calling deferred function has
// recovered.
func origin() string {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(1, pc)])
	for panicked := false; ; {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicked && !inRuntime || !more {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		panicked = panicked || inRuntime
	}
}
