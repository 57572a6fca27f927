// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// inGroup calls f in n goroutines, which are the ranks of a group that waits 4 seconds for an answer.
func inGroup(t *testing.T, n int, f func(g *dist.Group)) {
	torchtest.Need(t)
	port := torchtest.FreePort(t)
	var running sync.WaitGroup
	for rank := range n {
		running.Go(func() {
			w := dist.World{Rank: rank, Size: n, LocalRank: rank, MasterAddr: "127.0.0.1", MasterPort: port}
			g, err := dist.Init(context.Background(), dist.Options{Timeout: 4 * time.Second, World: &w})
			if assert.NoError(t, err) {
				defer g.Close()
				f(g)
			}
		})
	}
	running.Wait()
}

// One process may take longer than the group waits for an answer.
func TestShareTakesLong(t *testing.T) {
	torchtest.NoLeaks(t)
	inGroup(t, 3, func(g *dist.Group) {
		all, err := newProcesses(context.Background(), g).share("reading", func(ctx context.Context) (string, error) {
			if g.Rank == 1 {
				time.Sleep(5 * time.Second)
			}
			return fmt.Sprintf("%0*d", g.Rank, g.Rank), ctx.Err()
		})
		assert.NoError(t, err)
		assert.Equal(t, []string{"0", "1", "02"}, all)
	})
}

// What one process fails with, the others fail with too, at once, and go on together.
func TestShareFails(t *testing.T) {
	torchtest.NoLeaks(t)
	wrong := errors.New("this file is missing")
	inGroup(t, 3, func(g *dist.Group) {
		p := newProcesses(context.Background(), g)
		err := p.do("reading", func(ctx context.Context) error {
			if g.Rank == 1 {
				return wrong
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if g.Rank == 1 {
			assert.Equal(t, wrong, err)
		} else {
			assert.EqualError(t, err, "rank 1: "+wrong.Error())
		}
		assert.NoError(t, p.ctx.Err())
		assert.NoError(t, p.do("reading", func(context.Context) error { return nil }))
	})
}

// A request to end reaches all processes in the same call.
func TestShareIsInterrupted(t *testing.T) {
	torchtest.NoLeaks(t)
	asked := errors.New("asked to end")
	inGroup(t, 3, func(g *dist.Group) {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		p := newProcesses(ctx, g)
		_ = p.do("reading", func(ctx context.Context) error {
			if g.Rank == 2 {
				cancel(asked)
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if g.Rank == 2 {
			assert.Equal(t, asked, context.Cause(p.ctx))
		} else {
			assert.ErrorIs(t, context.Cause(p.ctx), trainer.ErrInterrupted)
		}
	})
}

// A process that leaves is named by the others.
func TestShareLosesOne(t *testing.T) {
	torchtest.NoLeaks(t)
	named := make(chan struct{})
	inGroup(t, 2, func(g *dist.Group) {
		_ = g.Barrier() // both are there; rank 1 may be gone before rank 0 knows
		if g.Rank == 1 {
			g.Fail(errors.New("no memory"))
			select { // it answers until it closes the group
			case <-named:
			case <-time.After(time.Minute):
			}
			return
		}
		defer close(named)
		p := newProcesses(context.Background(), g)
		err := p.do("melody", func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		assert.ErrorContains(t, err, "melody: dist: rank 0 of 2: all-reduce: ")
		assert.ErrorContains(t, err, "rank 1 (127.0.0.1:")
		assert.ErrorContains(t, err, "gave up: no memory")
		assert.NotErrorIs(t, err, errLost)
		assert.ErrorIs(t, p.do("groove", func(context.Context) error { return nil }), errLost)
	})
}

// A group that has failed is reported once, whatever the number of networks.
func TestPlanLosesOne(t *testing.T) {
	torchtest.NoLeaks(t)
	inGroup(t, 2, func(g *dist.Group) {
		if g.Fail(errors.New("no memory")); g.Rank > 0 {
			return
		}
		var said []string
		o := Options{Out: t.TempDir(), Group: g, OnEvent: func(e Event) { said = append(said, e.String()) }}
		plan := &Plan{}
		for _, spec := range []models.Spec{{Name: "emotion"}, {Name: "melody"}, {Name: "groove"}} {
			plan.Trainings = append(plan.Trainings, Training{Options: o, Spec: spec})
		}
		_, err := plan.Run(context.Background())
		assert.EqualError(t, err, "3 of 3 networks failed: emotion, melody, groove")
		assert.Len(t, said, 1, said)
		assert.Contains(t, said[0], "no memory")
	})
}

// filed is a source that needs a while the first time, and then finds what it kept.
type filed struct {
	dataset.Source
	kept  *atomic.Bool
	found atomic.Bool
	value float32
}

func (f *filed) Samples(context.Context, string, dataset.Options) (*data.Samples, error) {
	if f.found.Store(f.kept.Load()); !f.found.Load() {
		time.Sleep(300 * time.Millisecond)
		f.kept.Store(true)
	}
	s := &data.Samples{}
	s.Append("a", "g", []float32{1}, []float32{f.value})
	return s, nil
}

// On each machine one process reads before the others, unless nothing is kept, and all have to
// have read the same.
func TestReadTogether(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, c := range []struct {
		locals []int
		cache  *cache.Cache
		value  float32 // on rank 2
		waits  []bool
		says   string
	}{
		{[]int{0, 1, 0}, &cache.Cache{}, 0, []bool{false, true, false}, ""}, // the first machine has two
		{[]int{-1, -1, -1}, &cache.Cache{}, 0, []bool{false, false, false}, ""},
		{[]int{0, 1, 2}, nil, 0, []bool{false, false, false}, ""},
		{[]int{0, 1, 2}, &cache.Cache{}, 1, []bool{false, true, true}, "1 with another target (a): give all machines the same files"},
	} {
		var kept atomic.Bool
		inGroup(t, 3, func(g *dist.Group) {
			g.LocalRank = c.locals[g.Rank]
			f := &filed{kept: &kept}
			if g.Rank == 2 {
				f.value = c.value
			}
			s := &session{Training: Training{Options: Options{Group: g, Cache: c.cache}, Spec: models.Spec{Name: "melody", Source: f}}}
			err := s.readTogether(newProcesses(context.Background(), g))
			assert.Equal(t, c.waits[g.Rank], f.found.Load(), "%v: rank %d", c.locals, g.Rank)
			if c.says == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, "melody: rank 2 has read 1 samples with the fingerprint ")
				assert.ErrorContains(t, err, c.says)
			}
		})
	}
}

// A network whose run is damaged does not keep the others from being trained, as in one process.
func TestPlanTogetherWithoutSome(t *testing.T) {
	dir := t.TempDir()
	damaged := newFolder(dir, "groove")
	require.NoError(t, os.Mkdir(string(damaged), 0o777))
	require.NoError(t, os.WriteFile(damaged.file(configFile), nil, 0o666))
	inGroup(t, 2, func(g *dist.Group) {
		o := Options{Out: dir, Data: dir, Resume: true, Group: g}
		plan, err := NewPlan(o, Overrides{}, "emotion", "groove")
		if assert.NoError(t, err) && assert.Len(t, plan.Trainings, 1) {
			assert.Equal(t, "emotion", plan.Trainings[0].Spec.Name)
		}
		_, err = NewPlan(o, Overrides{}, "groove")
		assert.ErrorContains(t, err, "config.json was changed")
		o.Data = filepath.Join(dir, "nowhere")
		_, err = NewPlan(o, Overrides{}, "emotion")
		assert.ErrorContains(t, err, "Options.Data: stat "+o.Data)
		o.Data = ""
		_, err = NewPlan(o, Overrides{}, "emotion")
		assert.ErrorIs(t, err, ErrNoRun)
	})
}
