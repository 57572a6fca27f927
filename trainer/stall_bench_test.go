// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"testing"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// BenchmarkSave measures how long a save keeps training waiting (stall-ms), and
// how long it takes (write-ms), for a network of as many parameters as the largest
// of package models, and for a checkpoint of 1 GB: parameters and two moments of
// Adam each.
func BenchmarkSave(b *testing.B) {
	torchtest.Need(b)
	for _, c := range []struct {
		name  string
		width int
	}{{"642k", 801}, {"1GB", 9450}} {
		b.Run(c.name, func(b *testing.B) {
			model := nn.NewLinear(c.width, c.width, torch.CPU)
			optimizer := optim.NewAdam(nn.Parameters(model), optim.DefaultAdam())
			set := &data.Set{X: torch.Ones([]int{1, c.width}), Y: torch.Ones([]int{1, c.width})}
			defer set.Close()
			var stall, write time.Duration
			s, err := newSession(Run{
				Model: model, Loss: nn.MSELoss, Optimizer: optimizer, Train: set, Save: b.TempDir(),
			})
			if err != nil {
				b.Fatal(err)
			}
			torch.Scope(func() {
				nn.MSELoss(model.Forward(set.X), set.Y).Backward()
				optimizer.Step() // Adam's state
			})
			s.begin(0, 0)
			if err := s.prepare(); err != nil {
				b.Fatal(err)
			}
			defer s.close()
			for b.Loop() {
				started := time.Now()
				if err := s.save(false, "", true); err != nil {
					b.Fatal(err)
				}
				stall += time.Since(started)
				s.settle()
				write += time.Since(started)
				if s.unsaved != nil {
					b.Fatal(s.unsaved)
				}
			}
			b.ReportMetric(float64(stall.Microseconds())/1000/float64(b.N), "stall-ms")
			b.ReportMetric(float64(write.Microseconds())/1000/float64(b.N), "write-ms")
		})
	}
}
