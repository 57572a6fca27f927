// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// ranks calls f in n goroutines, each with a group of its own: two processes in one.
func ranks(t *testing.T, n int, timeout time.Duration, f func(*dist.Group)) {
	torchtest.Need(t)
	port := freePort(t)
	var all sync.WaitGroup
	for rank := range n {
		all.Go(func() {
			g, err := dist.Init(context.Background(), dist.Options{Timeout: timeout, World: &dist.World{Rank: rank, Size: n, MasterAddr: "127.0.0.1", MasterPort: port}})
			if !assert.NoError(t, err) {
				return
			}
			defer g.Close()
			f(g)
		})
	}
	all.Wait()
}

func floats(xs ...float32) *torch.Tensor { return torch.FromSlice(xs, len(xs)) }

func TestCollectives(t *testing.T) {
	ranks(t, 3, time.Minute, func(g *dist.Group) {
		r := float32(g.Rank + 1)
		for _, c := range []struct {
			op   dist.ReduceOp
			want []float32
		}{{dist.Sum, []float32{6, -6}}, {dist.Product, []float32{6, -6}}, {dist.Min, []float32{1, -3}}, {dist.Max, []float32{3, -1}}} {
			x := floats(r, -r)
			assert.NoError(t, g.AllReduce(x, c.op))
			assert.Equal(t, c.want, x.Float32s())
		}
		numbers := []float64{1e300 * float64(r), -1}
		assert.NoError(t, g.AllReduceFloats(numbers, dist.Max))
		assert.Equal(t, []float64{3e300, -1}, numbers)
		x := floats(r).SetRequiresGrad(true)
		assert.NoError(t, g.Broadcast(x, 2))
		assert.Equal(t, []float32{3}, x.Detach().Float32s())
		assert.ErrorContains(t, g.Broadcast(x, 3), "there is no rank 3 among 3")
		for root, text := range []string{"a text of rank 0", "", "of rank 2"} {
			own := "what others give is not looked at"
			if g.Rank == root {
				own = text
			}
			told, err := g.BroadcastBytes([]byte(own), root)
			assert.NoError(t, err)
			assert.Equal(t, text, string(told))
		}
		_, err := g.BroadcastBytes(nil, 3)
		assert.ErrorContains(t, err, "there is no rank 3 among 3")
		all, err := g.AllGather(torch.FromSlice([]int64{int64(g.Rank), 7}, 1, 2))
		assert.NoError(t, err)
		for i, a := range all {
			assert.Equal(t, []int{1, 2}, a.Shape())
			assert.Equal(t, []int64{int64(i), 7}, torch.ToSlice[int64](a))
		}
		assert.NoError(t, g.Barrier())
		assert.NoError(t, g.MonitoredBarrier(10*time.Second))
	})
}

// The rank that does not come is named, and everybody is told of it.
func TestMonitoredBarrier(t *testing.T) {
	done := make(chan bool)
	ranks(t, 2, time.Minute, func(g *dist.Group) {
		if g.Rank == 0 {
			assert.ErrorContains(t, g.MonitoredBarrier(200*time.Millisecond), "Ranks 1 failed")
			close(done)
		} else {
			<-done
			assert.ErrorContains(t, g.Barrier(), "rank 0 (127.0.0.1:")
		}
	})
}

func TestUnusedParameter(t *testing.T) {
	type two struct{ Used, Not *nn.Linear }
	for _, find := range []bool{false, true} {
		told := make(chan bool) // rank 0 answers until rank 1 has asked why it failed
		ranks(t, 2, time.Minute, func(g *dist.Group) {
			torch.ManualSeed(1)
			net := &two{nn.NewLinear(2, 1, torch.CPU), nn.NewLinear(2, 1, torch.CPU)}
			ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{FindUnusedParameters: find})
			if !assert.NoError(t, err) {
				return
			}
			assert.ErrorContains(t, ddp.Backward(net.Used.Weight.Sum()), "PrepareForForward was not called")
			for range 3 {
				assert.NoError(t, ddp.PrepareForForward())
				y := net.Used.Forward(floats(1, float32(g.Rank)).Reshape(1, 2))
				if g.Rank == 1 {
					y = y.Add(net.Not.Forward(floats(3, 4).Reshape(1, 2))) // found here, and not on rank 0
				}
				err := ddp.Backward(y.Sum())
				if !find {
					assert.ErrorContains(t, err, "not depend on not.weight, not.bias: freeze")
					if g.Rank == 1 {
						close(told)
					}
					<-told
					return
				}
				assert.NoError(t, err)
			}
			if g.Rank == 0 {
				assert.Equal(t, []string{"not.weight", "not.bias"}, ddp.Unused())
			} else {
				assert.Empty(t, ddp.Unused())
			}
			// The mean over ranks, three times.
			assert.Equal(t, []float32{3, 1.5}, net.Used.Weight.Grad().Float32s())
			assert.Equal(t, []float32{4.5, 6}, net.Not.Weight.Grad().Float32s())
		})
	}
}

// Backward of the tensor itself accumulates without communication.
func TestAccumulation(t *testing.T) {
	ranks(t, 2, time.Minute, func(g *dist.Group) {
		net := nn.NewLinear(1, 1, torch.CPU)
		ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{})
		if !assert.NoError(t, err) {
			return
		}
		loss := func(x float32) *torch.Tensor { return net.Forward(floats(x).Reshape(1, 1)).Sum() }
		loss(float32(1 + g.Rank)).Backward()
		assert.NoError(t, ddp.PrepareForForward())
		assert.NoError(t, ddp.Backward(loss(10)))
		assert.Equal(t, []float32{11.5}, net.Weight.Grad().Float32s())
		ddp.Close()
		ddp.Close()
		assert.NoError(t, g.Barrier())
		again, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{})
		assert.NoError(t, err)
		g.Close()
		again.Close()
	})
}

// counts returns the threads and the descriptors of this process.
func counts(t *testing.T) [2]int {
	var n [2]int
	for i, dir := range []string{"/proc/self/task", "/proc/self/fd"} {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		n[i] = len(entries)
	}
	return n
}

func TestNothingIsLeft(t *testing.T) {
	if _, err := os.Stat("/proc/self/task"); err != nil {
		t.Skip("there is no /proc")
	}
	round := func() {
		ranks(t, 2, time.Minute, func(g *dist.Group) {
			net := nn.NewSequential(nn.NewLinear(2, 1, torch.CPU), nn.NewBatchNorm1d(1, torch.CPU))
			assert.NoError(t, dist.ConvertSyncBatchNorm(g, net))
			ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{})
			assert.NoError(t, err)
			assert.NoError(t, ddp.PrepareForForward())
			assert.NoError(t, ddp.Backward(net.Forward(floats(1, 2).Reshape(1, 2)).Sum()))
			g.Close()
			g.Close()
			assert.ErrorIs(t, g.Barrier(), dist.ErrClosed)
			assert.ErrorIs(t, ddp.PrepareForForward(), dist.ErrClosed)
		})
		ranks(t, 2, time.Minute, func(g *dist.Group) {
			if g.Rank == 1 {
				time.Sleep(10 * time.Millisecond)
				g.Abort()
			}
			assert.Error(t, g.Barrier())
		})
	}
	// Go keeps the threads that it once needed, and libtorch those of its pools: so the
	// number has to stop growing, and 16 groups have at least 48 threads.
	for range 4 {
		round()
	}
	before := counts(t)
	for range 8 {
		round()
	}
	require.Eventually(t, func() bool {
		now := counts(t)
		return now[0] <= before[0]+4 && now[1] <= before[1]
	}, 10*time.Second, 50*time.Millisecond, "%v before", before)
}

// What ends a rank ends at once all that waits for it, and what it waits for itself.
func TestAbort(t *testing.T) {
	for how, says := range map[string]string{"close": "Abort was called", "abort": "Abort was called"} {
		for _, call := range []string{"barrier", "backward"} {
			ended, began := make(chan struct{}), time.Now()
			ranks(t, 3, time.Minute, func(g *dist.Group) {
				net := nn.NewLinear(2, 1, torch.CPU)
				ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{})
				assert.NoError(t, err)
				assert.NoError(t, ddp.PrepareForForward())
				loss := net.Forward(floats(1, 2).Reshape(1, 2)).Sum()
				if g.Rank == 2 { // does not call what the others wait in
					<-ended
					assert.Error(t, g.Barrier())
					return
				}
				if g.Rank == 1 {
					time.AfterFunc(100*time.Millisecond, func() {
						switch how {
						case "close":
							g.Close()
						case "abort":
							g.Abort()
						}
					})
					defer close(ended)
				}
				if call == "barrier" {
					err = g.Barrier()
				} else {
					err = ddp.Backward(loss)
				}
				if g.Rank == 1 {
					assert.ErrorContains(t, err, says)
				} else {
					assert.ErrorContains(t, err, "rank 1 (127.0.0.1:", how)
				}
			})
			assert.Less(t, time.Since(began), 30*time.Second, "%s in %s waited for the timeout", how, call)
		}
	}
}

// Who is gone is named, and nobody else, although those who see it first leave, too.
func TestOnlyTheGoneAreNamed(t *testing.T) {
	for range 3 {
		ranks(t, 4, time.Minute, func(g *dist.Group) {
			for g.Rank < 3 {
				if err := g.AllReduce(floats(1), dist.Sum); err != nil {
					assert.ErrorContains(t, err, "rank 3 (127.0.0.1:")
					assert.NotRegexp(t, `rank [012] \([^)]*\) does not answer`, err.Error())
					return
				}
			}
			assert.NoError(t, g.AllReduce(floats(1), dist.Sum))
		})
	}
}

func TestInitFails(t *testing.T) {
	torchtest.Need(t)
	begin := func(rank, port int, timeout time.Duration) error {
		g, err := dist.Init(context.Background(), dist.Options{Timeout: timeout, World: &dist.World{Rank: rank, Size: 3, MasterAddr: "127.0.0.1", MasterPort: port}})
		assert.Nil(t, g)
		return err
	}
	port := freePort(t)
	assert.ErrorContains(t, begin(1, port, time.Second), fmt.Sprintf("the store of the group is at 127.0.0.1:%d: rank 0 does not answer there: dial tcp", port))

	failures := make(chan error)
	for rank := range 2 {
		go func() { failures <- begin(rank, port, 4*time.Second) }()
	}
	for range 2 {
		assert.ErrorContains(t, <-failures, ": rank 2 did not come: ")
	}

	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	began := time.Now()
	_, err := dist.Init(ctx, dist.Options{Timeout: 3 * time.Second, World: &dist.World{Rank: 0, Size: 2, MasterAddr: "127.0.0.1", MasterPort: freePort(t)}})
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(began), 2*time.Second, "it does not wait for the timeout")

	// Another program has the port, and never answers.
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = other.Close() }()
	port = other.Addr().(*net.TCPAddr).Port
	assert.ErrorContains(t, begin(0, port, time.Second), "EADDRINUSE")
	assert.ErrorContains(t, begin(1, port, time.Second), "rank 0 does not answer there: the timeout of 1s has passed")
}

// Rank 0 takes the store with it; the others say whose it was.
func TestInitLosesRank0(t *testing.T) {
	torchtest.Need(t)
	ps := start(t, "mlp", []string{"go", "go"}, "WORLD_SIZE=3", timeoutVariable+"=5")
	var port string
	for _, v := range ps[0].Env {
		if p, found := strings.CutPrefix(v, "MASTER_PORT="); found {
			port = p
		}
	}
	ps[0].Until(t, time.Minute, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	time.Sleep(300 * time.Millisecond) // rank 1 may have come, or not
	require.NoError(t, ps[0].Process.Process.Kill())
	assert.Equal(t, 3, ps[1].End())
	assert.Contains(t, ps[1].Said(), "the store of the group is at 127.0.0.1:"+port+": rank 0 does not answer there: ")
}

func TestOneProcess(t *testing.T) {
	torchtest.Need(t)
	g, err := dist.Init(context.Background(), dist.Options{World: &dist.World{Size: 1}})
	require.NoError(t, err)
	x := floats(2)
	require.NoError(t, g.AllReduce(x, dist.Sum))
	assert.Equal(t, []float32{2}, x.Float32s())
	all, err := g.AllGather(x)
	require.NoError(t, err)
	assert.Equal(t, []float32{2}, all[0].Float32s())
	require.NoError(t, g.MonitoredBarrier(time.Second))
	g.Abort()
	g.Close()
	assert.ErrorIs(t, g.Barrier(), dist.ErrClosed)
}
