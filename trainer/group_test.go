// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer/metric"
)

// fellow is one of the processes of a group, here a goroutine, and what became of it.
type fellow struct {
	*trial
	history *History
	err     error
	notices []string
	weights map[string][]float32
}

// together calls f in n goroutines, each with a place of its own in a group; nil for one.
func together(t *testing.T, n int, f func(rank int, g *dist.Group)) {
	torchtest.Need(t)
	if n == 1 {
		f(0, nil)
		return
	}
	port := torchtest.FreePort(t)
	var running sync.WaitGroup
	for rank := range n {
		running.Go(func() {
			g, err := dist.Init(context.Background(), dist.Options{Timeout: 20 * time.Second, World: &dist.World{Rank: rank, Size: n, MasterAddr: "127.0.0.1", MasterPort: port}})
			if assert.NoError(t, err) {
				f(rank, g)
				g.Close()
			}
		})
	}
	running.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// fitTogether fits n ranks that save to dir, by fit. All of them begin with the weights of rank 0.
func fitTogether(t *testing.T, n int, dir string, change func(rank int, r *trial), fit func(context.Context, Run) (*History, error)) []*fellow {
	t.Helper()
	all := make([]*fellow, n)
	for rank := range all {
		all[rank] = &fellow{trial: newTrial(1+uint64(rank), torch.CPU, dir)}
		change(rank, all[rank].trial)
	}
	together(t, n, func(rank int, g *dist.Group) {
		r := all[rank]
		r.Group, r.OnNotice = g, func(text string) { r.notices = append(r.notices, text) }
		r.history, r.err = fit(context.Background(), r.Run)
	})
	for _, r := range all {
		r.weights = stateOf(r.Model)
		r.close()
	}
	return all
}

func fitRun(ctx context.Context, r Run) (*History, error) { return r.Fit(ctx) }

// plainly takes away the dropout, whose masks differ, and what a history has not in common.
func plainly(r *trial) {
	d := torch.CPU
	rebuild(r, nn.NewSequential(nn.NewLinear(5, 16, d), nn.Tanh{}, nn.NewLinear(16, 3, d)), func(p []*torch.Tensor) optim.Optimizer {
		c := optim.DefaultAdam()
		c.LR = 0.02
		return optim.NewAdam(p, c)
	})
	scored(r)
	r.Epochs, r.TrackNorms, r.ClipNorm, r.KeepLast, r.ReadEvery = 3, true, 0.5, true, 3
}

// alike compares relative to the largest value, to 1e-6 for sums of float32 in another order, over
// a dozen steps. It returns how much the weights differ.
func alike(t *testing.T, want, got *fellow, near float64, what string) (most float64) {
	t.Helper()
	require.NoError(t, got.err, what)
	require.Equal(t, want.history.Len(), got.history.Len(), what)
	for i, e := range want.history.Epochs {
		o := got.history.Epochs[i]
		for _, c := range columns {
			if x, y := c.of(e), c.of(o); !c.physical && !math.IsNaN(x) {
				assert.InEpsilon(t, 1+x, 1+y, near, "%s: epoch %d: %s", what, i, c.name)
			}
		}
		require.Equal(t, len(e.More), len(o.More), what)
		for name, x := range e.More {
			assert.InEpsilon(t, 1+x, 1+o.More[name], near, "%s: epoch %d: %s", what, i, name)
		}
	}
	largest := 0.0
	for name, list := range want.weights {
		if strings.HasSuffix(name, "num_batches_tracked") {
			assert.Equal(t, list, got.weights[name])
			continue
		}
		for i, x := range list {
			largest = math.Max(largest, math.Abs(float64(x)))
			most = math.Max(most, math.Abs(float64(x-got.weights[name][i])))
		}
	}
	assert.LessOrEqual(t, most, near*largest, what)
	return most / largest
}

// The last of 4 batches has one sample, so that with several processes some have none of it.
func TestGroupsAreOneProcess(t *testing.T) {
	torchtest.NoLeaks(t)
	skipping := func(r *trial) {
		load(&r.Run, 2, func(rng *rand.Rand, x []float32) {
			if x[0] += rng.Float32() / 8; rng.IntN(6) == 0 {
				panic("this sample cannot be read")
			}
		})
		r.Train.(*data.Loader).MaxSkip, r.Sampler, r.BatchSize, r.DropLast = 25, nil, 12, true
	}
	values := func(r *trial) {
		r.Loss = func(output, target *torch.Tensor) *torch.Tensor {
			return nn.MSELoss(output, target.OneHot(3).ToDType(torch.Float32))
		}
	}
	normed := func(r *trial) { // the last of 3 batches has 3 samples; a bias in front has no gradient but errors of rounding
		d := torch.CPU
		c := nn.DefaultBatchNorm()
		c.Momentum = nil
		rebuild(r, nn.NewSequential(nn.NewLinear(5, 16, d, nn.LinearConfig{NoBias: true}), nn.NewBatchNorm1d(16, d), nn.Tanh{}, nn.NewLinear(16, 6, d, nn.LinearConfig{NoBias: true}), nn.NewBatchNorm1d(6, d, c), nn.NewLinear(6, 3, d)), nil)
		r.SyncBatchNorm, r.BatchSize = true, 11
	}
	scaler := func(scale float64) *optim.GradScaler {
		c := optim.DefaultGradScaler()
		c.InitScale, c.BackoffFactor = scale, 0.01
		return optim.NewGradScaler(c)
	}
	for name, change := range map[string]func(*trial){
		"classes":            func(*trial) {},
		"norms":              normed,
		"norms, accumulated": func(r *trial) { normed(r); values(r); r.Accumulate, r.EMA = 2, 0.9 },
		"norms, and fail":    func(r *trial) { normed(r); skipping(r) },
		"clipped values":     func(r *trial) { r.ClipNorm, r.ClipValue = 0, 0.01 },
		"overflow": func(r *trial) { // of the first step's gradients
			values(r)
			loss := r.Loss
			r.Loss = func(output, target *torch.Tensor) *torch.Tensor { return loss(output, target).MulScalar(10) }
			r.Scaler = scaler(3e38)
		},
		"autocast": func(r *trial) {
			normed(r)
			values(r)
			r.Autocast, r.Metrics = torch.BFloat16, nil // nor accuracies, which a last bit can change
			r.Step = func(b data.Batch) Result { return Result{Loss: r.Loss(r.forward(b.X), b.Y)} }
		},
		"values":                values,
		"uneven batches":        func(r *trial) { r.BatchSize = 7 },
		"accumulated":           func(r *trial) { r.Accumulate, r.BatchSize = 2, 6 },
		"accumulated values":    func(r *trial) { values(r); r.Accumulate = 3 },
		"ignored":               func(r *trial) { ignored(r); r.Accumulate = 2 },
		"parts":                 func(r *trial) { parted(r); r.EMA = 0.9 },
		"samples that fail":     func(r *trial) { values(r); skipping(r) },
		"accumulated, and fail": func(r *trial) { values(r); skipping(r); r.Accumulate = 2 },
		"scaled": func(r *trial) {
			r.Scaler, r.Accumulate = scaler(1024), 2
			r.Scheduler = optim.NewReduceLROnPlateau(r.Optimizer, optim.DefaultReduceLROnPlateau())
		},
	} {
		var one *fellow
		near := 1e-6
		if name == "autocast" {
			near = 1. / 256 // of 8 bits, to which gradients of each part are rounded
		}
		for _, n := range []int{1, 2, 4} {
			for rank, r := range fitTogether(t, n, "", func(_ int, r *trial) { plainly(r); change(r) }, fitRun) {
				if n == 1 {
					require.NoError(t, r.err, name)
					one = r
					assert.Equal(t, name == "overflow", r.history.Epochs[0].Skipped > 0)
					continue
				}
				what := fmt.Sprintf("%s: rank %d of %d", name, rank, n)
				t.Logf("%s: weights differ by %.1e", what, alike(t, one, r, near, what))
			}
		}
	}
}

func TestGroupsAsPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	golden := readGolden(t)
	for _, c := range golden.Cases {
		runs, histories := make([]Run, 3), make([]*History, 3)
		for rank := range runs {
			var free func()
			runs[rank], free = golden.run(t, c, torch.CPU)
			defer free()
		}
		together(t, 3, func(rank int, g *dist.Group) {
			var err error
			runs[rank].Group = g
			histories[rank], err = runs[rank].Fit(context.Background())
			assert.NoError(t, err)
		})
		for rank, h := range histories {
			requireGolden(t, c, h)
			c.Best.requireClose(t, runs[rank].Model, weightsApart)
		}
	}
}

// Each sample comes once an epoch, and a Loader draws for it what it draws in one process.
func TestPartsOfBatches(t *testing.T) {
	order := data.Order(31, 3, 1)
	for _, n := range []int{2, 3, 4, 7} {
		want, got := map[[2]int]int{}, map[[2]int]int{}
		for i, sample := range order[8:] {
			want[[2]int{sample, 8 + i}]++
		}
		for rank := range n {
			p := &part{rank: rank, size: n}
			own := p.take(data.Epoch{Size: 8, Order: order[8:], First: 8})
			assert.Len(t, own.Positions, len(own.Order))
			for i, sample := range own.Order {
				if 23%8 > rank || i < len(own.Order)-1 { // else it stands in
					got[[2]int{sample, own.Positions[i]}]++
				}
			}
		}
		assert.Equal(t, want, got, "%d processes", n)
	}
}

func TestUnusedInAGroup(t *testing.T) {
	torchtest.NoLeaks(t)
	type more struct {
		nn.Sequential
		Never *nn.Linear
	}
	change := func(_ int, r *trial) {
		plainly(r)
		rebuild(r, &more{r.Model.(nn.Sequential), nn.NewLinear(2, 1, torch.CPU)}, nil)
	}
	one := fitTogether(t, 1, "", change, fitRun)[0]
	for _, n := range []int{2, 4} {
		for rank, r := range fitTogether(t, n, "", change, fitRun) {
			alike(t, one, r, 1e-6, fmt.Sprintf("rank %d of %d", rank, n))
			require.Len(t, r.notices, 1)
			assert.Contains(t, r.notices[0], "the loss of the first batches does not depend on never.weight, never.bias")
		}
	}
}

// breaking ends the context of one rank in the middle of the n-th step.
func breaking(rank, n int) func(context.Context, Run) (*History, error) {
	return func(ctx context.Context, r Run) (*History, error) {
		if r.Group == nil || r.Group.Rank == rank {
			of := &trial{r}
			ctx, r.AroundStep = of.interruptAfter(n), of.AroundStep
		}
		return r.Fit(ctx)
	}
}

// What one rank is asked for ends all of them after the same step, and the run goes on from
// there in other groups, in the same one bit for bit.
func TestGroupsResume(t *testing.T) {
	torchtest.NoLeaks(t)
	change := func(_ int, r *trial) { plainly(r); r.Epochs, r.Accumulate, r.BatchSize, r.Resume = 4, 2, 4, true }
	whole := fitTogether(t, 1, t.TempDir(), change, fitRun)[0]
	for _, sizes := range [][]int{{1, 2, 1}, {2, 1, 2}, {4, 2, 4}} {
		dir := t.TempDir()
		for i, n := range sizes {
			fit := breaking(n-1, []int{10, 2, 99}[i]) // in the middle of what is accumulated
			for rank, r := range fitTogether(t, n, dir, change, fit) {
				what := fmt.Sprintf("%v: rank %d of %d", sizes, rank, n)
				if i == len(sizes)-1 {
					t.Logf("%s: weights differ by %.1e", what, alike(t, whole, r, 1e-6, what))
					continue
				}
				require.ErrorIs(t, r.err, ErrInterrupted, what)
				require.ErrorContains(t, r.err, fmt.Sprintf("in epoch 2 of 4 after step %d of 7", []int{min(2+n, 4), 6}[i]), what)
			}
		}
	}

	// With dropout, and metrics in the middle of an epoch.
	dir, exact := t.TempDir(), func(rank int, r *trial) { everyState(0, r); scored(r); r.Accumulate, r.Resume = 1, true }
	want := fitTogether(t, 2, t.TempDir(), exact, fitRun)
	for _, n := range []int{2, 3, 6, 99} {
		for rank, r := range fitTogether(t, 2, dir, exact, breaking(1, n)) {
			if n < 99 {
				require.ErrorIs(t, r.err, ErrInterrupted)
				continue
			}
			require.NoError(t, r.err)
			assert.Equal(t, want[rank].weights, r.weights)
			assert.Equal(t, results(want[rank].history, false), results(r.history, false))
		}
	}
	require.NotEqual(t, want[0].weights, whole.weights)
}

// What ends all ranks together, and what one of them does to the others.
func TestGroupsEndTogether(t *testing.T) {
	torchtest.NoLeaks(t)
	wrong := errors.New("this hook is wrong")
	for name, c := range map[string]struct {
		one  func(rank int, r *trial)
		says [2]string
		why  StopReason
	}{
		"a loss": {func(_ int, r *trial) {
			torch.Scope(func() { inMemory(r.Train).X.Select(0, data.Order(25, r.Seed, 0)[9]).FillInPlace(math.NaN()) }) // of rank 1
		}, [2]string{"epoch 1, step 2: the loss is NaN: X of sample ", "epoch 1, step 2: the loss is NaN: X of sample "}, StopNonFinite},
		"beginning": {func(rank int, r *trial) {
			r.OnFitStart = func(*History) error { return stopIf(rank == 1, ErrStop) }
		}, [2]string{}, StopHook},
		"batch": {func(rank int, r *trial) {
			r.OnBatch = func(e, i int, _ Result) error { return stopIf(rank == 0 && e == 1 && i == 1, ErrStop) }
		}, [2]string{}, StopHook},
		"epoch": {func(rank int, r *trial) {
			r.OnEpoch = func(e Epoch) error { return stopIf(rank == 1 && e.Index == 1, ErrStop) }
		}, [2]string{}, StopHook},
		"patience": {func(rank int, r *trial) { r.Stop = &EarlyStopping{Patience: 2, MinDelta: 9} }, [2]string{}, StopPatience},
		"a hook": {func(rank int, r *trial) {
			r.OnBatch = func(e, i int, _ Result) error { return stopIf(rank == 1 && e == 1, wrong) }
		},
			[2]string{"rank 1 (127.0.0.1:", wrong.Error()}, StopError},
		"an anomaly": {func(_ int, r *trial) { // in a batch of one sample in each process
			rebuild(r, nn.NewSequential(nn.NewBatchNorm1d(5, torch.CPU), nn.NewLinear(5, 3, torch.CPU)), nil)
			r.SyncBatchNorm, r.DetectAnomaly, r.BatchSize, r.DropLast = true, true, 2, true
			r.Loss = func(output, _ *torch.Tensor) *torch.Tensor { return output.Sum().MulScalar(math.NaN()) }
		}, [2]string{"the first NaN is a result of aten::mul.Scalar, behind layer 1", "the first NaN is a result of aten::mul.Scalar, behind layer 1"}, StopNonFinite},
		"settings": {func(rank int, r *trial) {
			r.Seed, r.Epochs, r.ReadEvery = r.Seed+uint64(rank), r.Epochs+rank, 1+rank
			r.Stop = &EarlyStopping{Patience: 1 + rank}
			if rank == 1 {
				r.Save = ""
			}
		}, [2]string{"rank 1 (127.0.0.1:", "rank 1 has another Run than rank 0: seed was 5, is 6; epochs was 4, is 5; save was true, is false; read every was 1, is 2; stop was {\"Patience\":1,"}, StopError},
		"a folder": {func(rank int, r *trial) { r.OnStart = func() error { return wrong } },
			[2]string{wrong.Error(), "rank 0: " + wrong.Error()}, StopError},
	} {
		dir := t.TempDir()
		all := fitTogether(t, 2, dir, func(rank int, r *trial) { r.ReadEvery = 1; c.one(rank, r) }, fitRun)
		for rank, r := range all {
			if c.says[rank] == "" {
				require.NoError(t, r.err, name)
				assert.Equal(t, all[0].history.Len(), r.history.Len())
				assert.Equal(t, all[0].weights, r.weights, name)
			} else {
				require.ErrorContains(t, r.err, c.says[rank], name)
			}
			assert.Equal(t, c.why, r.history.StopReason, name)
		}
		if c.why == StopError && name != "a hook" {
			assert.NoFileExists(t, filepath.Join(dir, LastFile))
			continue
		} else if all[0].history.Len() > 0 {
			d, err := pt.LoadDict(filepath.Join(dir, LastFile))
			require.NoError(t, err, name)
			closeTensors(d)
		}
	}
	for rank, r := range fitTogether(t, 2, "", func(_ int, r *trial) { r.BatchSize = 1 }, func(ctx context.Context, r Run) (*History, error) {
		_ = r.Group.Barrier() // rank 0 may still be in Init, which would fail, too
		return r.Fit(ctx)
	}) {
		require.ErrorContains(t, r.err, "Run.BatchSize is 1, and Run.Group has 2 processes", rank)
	}
}

// A run that rank 0 cannot begin leaves the group to the next one.
func TestGroupsRefuse(t *testing.T) {
	torchtest.NoLeaks(t)
	dir, taken := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, LastFile), []byte("damaged"), 0o666))
	other, err := openFolder(taken)
	require.NoError(t, err)
	defer other.close()
	all := fitTogether(t, 2, dir, func(_ int, r *trial) { r.Resume = true }, func(ctx context.Context, r Run) (*History, error) {
		_, damaged := r.Fit(ctx)
		r.Save = taken
		_, locked := r.Fit(ctx)
		for _, says := range []string{filepath.Join(dir, LastFile) + " cannot be continued: ", "another run saves to " + taken} {
			if r.Group.Rank > 0 {
				says = "rank 0: trainer: " + says
			}
			assert.Contains(t, errors.Join(damaged, locked).Error(), says)
		}
		assert.Equal(t, r.Group.Rank == 0, errors.As(damaged, new(*ResumeError)))
		r.Save, r.Resume = "", false
		return r.Fit(ctx)
	})
	for _, r := range all {
		require.NoError(t, r.err)
		assert.Equal(t, all[0].weights, r.weights)
	}
}

func stopIf(so bool, err error) error {
	if so {
		return err
	}
	return nil
}

// A rank that is asked to end because another one is gone does not wait for it in vain until a
// validation has ended.
func TestGroupsLoseOne(t *testing.T) {
	torchtest.NoLeaks(t)
	var batches atomic.Int64 // of rank 0's validation
	all := fitTogether(t, 2, "", func(rank int, r *trial) { r.BatchSize = 2 }, func(ctx context.Context, r Run) (*History, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r.Metrics = []metric.Metric{{Name: "slow", Keep: true, Batch: func(output, _ *torch.Tensor) *torch.Tensor {
			if r.Group.Rank == 1 {
				r.Group.Close()
			} else {
				batches.Add(1)
				cancel()
				time.Sleep(300 * time.Millisecond)
			}
			return output
		}, Value: func(total *torch.Tensor) float64 { return 0 }}}
		return r.Fit(ctx)
	})
	assert.Regexp(t, `rank 1 \(127\.0\.0\.1:\d+\) (does not answer|gave up: it has left the group)`, all[0].err)
	assert.Less(t, batches.Load(), int64(4), "of 5")
	assert.ErrorIs(t, all[1].err, dist.ErrClosed)
}

// What one rank asks for is saved by rank 0.
func TestGroupsSaveOnRequest(t *testing.T) {
	torchtest.NoLeaks(t)
	for rank, r := range fitTogether(t, 2, t.TempDir(), func(rank int, r *trial) {
		r.Control = &Control{}
		r.OnBatch = func(e, i int, _ Result) error {
			if rank == 1 && e == 1 && i == 2 {
				r.Control.RequestSave()
			}
			return nil
		}
	}, fitRun) {
		require.NoError(t, r.err)
		if rank == 0 {
			assert.Contains(t, r.notices, "saved on request in epoch 2 of 4 after step 3 of 4")
		}
	}
}
