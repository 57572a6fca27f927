// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
)

// MemoryResult holds the memory that training a network takes, and whether it grows.
type MemoryResult struct {
	Network string    `json:"network"`
	Use     MemoryUse `json:"use"`
	Steps   int       `json:"steps"` // between the two counts
	// Growth from before those steps to after them; both have to be 0.
	GrowthBytes   int64  `json:"growth_bytes"`
	GrowthTensors int64  `json:"growth_tensors"`
	OK            bool   `json:"ok"`
	Problem       string `json:"problem,omitempty"`
}

// checkMemory trains a network for n steps, after some that fill every cache.
func checkMemory(ctx context.Context, s models.Spec, d torch.Device, m meter, n int) MemoryResult {
	r := MemoryResult{Network: s.Name, Steps: n}
	err := try(func() error {
		settle()
		if err := m.resetPeak(); err != nil {
			return err
		}
		t := newTraining(s, own(s), batch, d)
		steps := func(n int) (MemoryUse, error) {
			for range n {
				if ctx.Err() != nil {
					return MemoryUse{}, ctx.Err()
				}
				t.step()
			}
			if err := m.synchronize(); err != nil {
				return MemoryUse{}, err
			}
			return m.memory()
		}
		before, err := steps(20)
		if err != nil {
			return err
		}
		tensors := torch.Live().Tensors
		if r.Use, err = steps(n); err != nil {
			return err
		}
		r.GrowthBytes, r.GrowthTensors = r.Use.Allocated-before.Allocated, torch.Live().Tensors-tensors
		if r.GrowthBytes > 0 || r.GrowthTensors > 0 {
			return fmt.Errorf("%d steps left %d bytes and %d tensors behind", n, r.GrowthBytes, r.GrowthTensors)
		}
		return nil
	})
	if err != nil {
		r.Problem = err.Error()
	}
	r.OK = err == nil
	return r
}

// settle waits until the garbage collector has freed what earlier trainings left:
// cleanups run some time after a collection.
func settle() {
	last := torch.Live()
	for still := 0; still < 3; {
		runtime.GC()
		time.Sleep(2 * time.Millisecond)
		now := torch.Live()
		if still++; now.Tensors != last.Tensors || now.Bytes != last.Bytes {
			still = 0
		}
		last = now
	}
}
