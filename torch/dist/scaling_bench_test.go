// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// The ways in which scale trains, in turn.
const (
	alone     = "one rank with the whole batch"
	apart     = "each rank with its part, without communication"
	overlap   = "together"
	noOverlap = "together, gradients sent after the backward pass"
)

// scaling is what rank 0 measured: the seconds of a step by way and round, the bytes that it
// sent in a step of the last two, and those of all gradients.
type scaling struct {
	Seconds   map[string][]float64
	Sent      map[string]float64
	Gradients int
}

// scale times an MLP of 10 million parameters with batches of 1024 samples; each rank has one thread.
func scale(g *dist.Group) error {
	torch.SetNumThreads(1)
	net := nn.NewSequential(nn.NewLinear(1024, 2048, torch.CPU), nn.ReLU{}, nn.NewLinear(2048, 2048, torch.CPU), nn.ReLU{},
		nn.NewLinear(2048, 1536, torch.CPU), nn.ReLU{}, nn.NewLinear(1536, 512, torch.CPU))
	ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{GradientAsBucketView: true})
	if err != nil {
		return err
	}
	r := scaling{Seconds: map[string][]float64{}, Sent: map[string]float64{}}
	params := nn.Parameters(net)
	for _, p := range params {
		r.Gradients += 4 * p.Numel()
	}
	settings := optim.DefaultSGD()
	settings.LR = 1e-4
	opt := optim.NewSGD(params, settings)
	const whole = 1024
	allX, allY := torchtest.Ramp(1, whole, 1024), torchtest.Ramp(7, whole, 512)
	step := func(way string) (err error) {
		torch.Scope(func() {
			x, y := allX, allY
			if way != alone {
				n := whole / g.Size
				x, y = x.Narrow(0, g.Rank*n, n), y.Narrow(0, g.Rank*n, n)
			}
			opt.ZeroGrad()
			if way == overlap {
				if err = ddp.PrepareForForward(); err == nil {
					err = ddp.Backward(nn.MSELoss(net.Forward(x), y))
				}
			} else {
				nn.MSELoss(net.Forward(x), y).Backward()
				for _, p := range slices.Backward(params) {
					if way == noOverlap && err == nil {
						err = g.AllReduce(p.Grad(), dist.Sum)
						p.Grad().MulScalarInPlace(1 / float64(g.Size))
					}
				}
			}
			opt.Step()
		})
		return err
	}
	const steps = 3
	for round := range 11 { // the first warms up
		for _, way := range []string{alone, apart, overlap, noOverlap} {
			if err := g.Barrier(); err != nil {
				return err
			}
			began, before := time.Now(), sent()
			for range steps {
				if way == alone && g.Rank > 0 {
					break
				}
				if err := step(way); err != nil {
					return err
				}
			}
			if round > 0 {
				r.Seconds[way] = append(r.Seconds[way], time.Since(began).Seconds()/steps)
				r.Sent[way] = (sent() - before) / steps
			}
		}
	}
	if g.Rank > 0 {
		return g.Barrier()
	}
	if err := g.Barrier(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// sent returns the bytes that this process has given to its TCP connections.
func sent() (total float64) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		fd, _ := strconv.Atoi(e.Name())
		if info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO); err == nil {
			total += float64(info.Bytes_sent - info.Bytes_retrans)
		}
	}
	return total
}

// BenchmarkScaling compares two ranks with one that trains on the same batches, by the best of 10
// rounds in turn, and what they send with what a ring has to: 2·(n-1)/n of the gradients for each
// rank.
func BenchmarkScaling(b *testing.B) {
	torchtest.Need(b)
	cmd := exec.Command(os.Args[0])
	var out bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), workVariable+"=scale"), &out, os.Stderr
	require.NoError(b, dist.Launch(context.Background(), 2, cmd, dist.LaunchOptions{}))
	var r scaling
	require.NoError(b, json.Unmarshal(out.Bytes(), &r))
	one := slices.Min(r.Seconds[alone])
	b.Logf("%s: %.0f ms a step, %.2f steps a second", alone, 1000*one, 1/one)
	for _, way := range []string{apart, overlap, noOverlap} {
		var by []float64 // one rank's time, round by round
		for round, s := range r.Seconds[way] {
			by = append(by, r.Seconds[alone][round]/s)
		}
		slices.Sort(by)
		best := slices.Min(r.Seconds[way])
		b.Logf("%s: %.0f ms a step, %.2f steps a second, %.2f times one rank's (rounds: median %.2f, %.2f–%.2f)", way, 1000*best, 1/best, one/best, by[len(by)/2], by[0], by[len(by)-1])
		if way != apart {
			b.Logf("  %.0f bytes sent a step, %.4f of the %d that have to be", r.Sent[way], r.Sent[way]/float64(r.Gradients), r.Gradients)
		}
	}
	b.ReportMetric(0, "ns/op") // it means nothing here
}
