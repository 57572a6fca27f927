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
	port := torchtest.FreePort(t)
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

// Gloo takes elements one after the other from where a tensor begins, and adds up bools as bytes.
func TestCollectivesOfViews(t *testing.T) {
	ranks(t, 2, time.Minute, func(g *dist.Group) {
		matrix := func() *torch.Tensor { return floats(0, 1, 2, 3, 4, 5).Reshape(2, 3) }
		x := matrix()
		assert.NoError(t, g.AllReduce(x.Narrow(1, 1, 1), dist.Sum))
		assert.Equal(t, []float32{0, 2, 2, 3, 8, 5}, x.Float32s())
		x = matrix().AddScalar(10 * g.Rank)
		assert.NoError(t, g.Broadcast(x.Narrow(1, 1, 1), 1))
		assert.Equal(t, []float32{11, 14}, x.Narrow(1, 1, 1).Float32s())
		assert.Equal(t, float32(2+10*g.Rank), x.Float32s()[2])
		x = torch.Ones([]int{100, 100}) // more than what travels with the call
		assert.NoError(t, g.AllReduce(x.Narrow(1, 50, 50), dist.Sum))
		assert.Equal(t, float32(15000), x.Sum().Float32s()[0])
		assert.NoError(t, g.Broadcast(x.MulScalarInPlace(1+g.Rank).Narrow(1, 50, 50), 1))
		assert.Equal(t, float32(20000+5000*(1+g.Rank)), x.Sum().Float32s()[0])
		far, err := g.AllGather(x.Narrow(1, 50, 50))
		assert.NoError(t, err)
		assert.Equal(t, float32(20000), far[1].Sum().Float32s()[0])
		far, err = g.AllGather(floats(float32(g.Rank)).Expand(100)) // one element, which is read 100 times
		assert.NoError(t, err)
		assert.Equal(t, float32(100), far[1].Sum().Float32s()[0])
		x = matrix()
		if g.Rank == 1 { // the same matrix, which lies otherwise in memory
			x = floats(0, 3, 1, 4, 2, 5).Reshape(3, 2).Permute(1, 0)
		}
		assert.NoError(t, g.AllReduce(x, dist.Sum))
		assert.Equal(t, []float32{0, 2, 4, 6, 8, 10}, x.Float32s())
		all, err := g.AllGather(matrix().Permute(1, 0))
		assert.NoError(t, err)
		assert.Equal(t, []float32{0, 3, 1, 4, 2, 5}, all[1].Float32s())
		yes := torch.FromSlice([]bool{true, g.Rank == 1, false})
		assert.NoError(t, g.AllReduce(yes, dist.Sum))
		assert.Equal(t, []byte{1, 1, 0}, yes.Bytes())
		assert.ErrorContains(t, g.AllReduce(yes, 1), "there is no ReduceOp 1")
		assert.Error(t, g.AllReduce(floats(1).Expand(4), dist.Sum))
	})
}

// What Gloo would take for something else, or end the process for, is an error that says what
// the processes call.
func TestCallsDiffer(t *testing.T) {
	reduce := func(x *torch.Tensor) func(*dist.Group) error {
		return func(g *dist.Group) error { return g.AllReduce(x, dist.Sum) }
	}
	for name, calls := range map[string][2]func(*dist.Group) error{
		"all-reduce, ReduceOp 0, of float32 [2]": {reduce(floats(1, 2)), reduce(floats(1, 2, 3))},
		"all-reduce, ReduceOp 0, of float32 [1]": {reduce(floats(1)), reduce(torch.FromSlice([]int32{1}))},
		"barrier":                                {reduce(floats(1)), func(g *dist.Group) error { return g.Barrier() }},
		"all-gather of float32 [1]": {
			func(g *dist.Group) error { _, err := g.AllGather(floats(1)); return err },
			func(g *dist.Group) error { _, err := g.AllGather(floats(1, 2)); return err },
		},
		"SyncBatchNorm": {
			func(g *dist.Group) error { return dist.ConvertSyncBatchNorm(g, nn.NewBatchNorm1d(2, torch.CPU)) },
			func(g *dist.Group) error { return g.Barrier() },
		},
		"broadcast from rank 0 of float32 [1]": {
			func(g *dist.Group) error { return g.Broadcast(floats(1), 0) },
			func(g *dist.Group) error { return g.Broadcast(floats(1), 1) },
		},
	} {
		ranks(t, 2, 20*time.Second, func(g *dist.Group) {
			err := calls[g.Rank](g)
			assert.ErrorContains(t, err, name)
			assert.NotContains(t, fmt.Sprint(err), "Timed out")
		})
	}
}

func TestNetworksDiffer(t *testing.T) {
	linear := func() *nn.Linear { return nn.NewLinear(2, 2, torch.CPU) }
	for says, make := range map[string]func(rank int) any{
		`there is nothing here, and 1\.running_mean float32 \[2\], requires_grad false on rank 0`: func(rank int) any {
			return nn.NewSequential(linear(), []nn.Module{nn.NewBatchNorm1d(2, torch.CPU), nn.NewLayerNorm([]int{2}, torch.CPU)}[rank])
		},
		`0\.weight float32 \[2 2\], requires_grad true here, and .*, requires_grad false on rank 0`: func(rank int) any {
			net := nn.NewSequential(linear(), linear())
			nn.Freeze(net, fmt.Sprint(rank))
			return net
		},
	} {
		ranks(t, 2, 20*time.Second, func(g *dist.Group) {
			_, err := dist.NewDistributedDataParallel(g, make(g.Rank), dist.DistributedDataParallelOptions{})
			assert.Regexp(t, says, fmt.Sprint(err))
		})
	}
}

// A parameter that is not trained any more, or only now, and an averaging that is over.
func TestParallelIsOver(t *testing.T) {
	ranks(t, 2, 20*time.Second, func(g *dist.Group) {
		net := nn.NewLinear(2, 1, torch.CPU)
		nn.Freeze(net, "bias")
		ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{})
		assert.NoError(t, err)
		net.Bias.SetRequiresGrad(true)
		assert.ErrorContains(t, ddp.PrepareForForward(), "bias was frozen")
	})
	ranks(t, 2, 20*time.Second, func(g *dist.Group) {
		net := nn.NewLinear(2, 1, torch.CPU)
		ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{})
		assert.NoError(t, err)
		assert.NoError(t, ddp.PrepareForForward())
		ddp.Close()
		assert.ErrorContains(t, ddp.Backward(net.Weight.Sum()), "DistributedDataParallel is closed")
		assert.Error(t, ddp.PrepareForForward())
	})
}

// A process that comes to the store of the group before waits for that of the next one.
func TestOneGroupAfterAnother(t *testing.T) {
	torchtest.Need(t)
	port := torchtest.FreePort(t)
	var all sync.WaitGroup
	for rank := range 2 {
		all.Go(func() {
			for range 5 {
				g, err := dist.Init(context.Background(), dist.Options{Timeout: 20 * time.Second, World: &dist.World{Rank: rank, Size: 2, MasterAddr: "127.0.0.1", MasterPort: port}})
				if !assert.NoError(t, err) {
					return
				}
				x := floats(1)
				assert.NoError(t, g.AllReduce(x, dist.Sum))
				assert.Equal(t, []float32{2}, x.Float32s())
				assert.NoError(t, g.Barrier())
				if rank == 0 {
					time.Sleep(100 * time.Millisecond)
				}
				g.Close()
			}
		})
	}
	all.Wait()
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
			_ = g.Barrier() // rank 0 may still be in Init, which would fail, too
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
	for _, wrong := range []dist.World{{}, {Size: -1}, {Rank: 2, Size: 2, MasterAddr: "127.0.0.1", MasterPort: 1}, {Size: 2, MasterPort: 1}, {Size: 2, MasterAddr: "127.0.0.1", MasterPort: 1 << 16}} {
		_, err := dist.Init(context.Background(), dist.Options{World: &wrong})
		require.ErrorContains(t, err, "dist: World: ")
	}
	_, err := dist.Init(context.Background(), dist.Options{Timeout: -1, World: &dist.World{Size: 1}})
	require.ErrorContains(t, err, "Options.Timeout is -1ns")

	begin := func(rank, port int, timeout time.Duration) error {
		g, err := dist.Init(context.Background(), dist.Options{Timeout: timeout, World: &dist.World{Rank: rank, Size: 3, MasterAddr: "127.0.0.1", MasterPort: port}})
		assert.Nil(t, g)
		return err
	}
	deserted, alone := torchtest.FreePort(t), make(chan error)
	go func() { alone <- begin(1, deserted, 4*time.Second) }()
	port, failures := torchtest.FreePort(t), make(chan error)
	for rank := range 2 {
		go func() { failures <- begin(rank, port, 4*time.Second) }()
	}
	for range 2 {
		assert.ErrorContains(t, <-failures, ": rank 2 did not come: ")
	}
	assert.ErrorContains(t, <-alone, fmt.Sprintf("the store of the group is at 127.0.0.1:%d: rank 0 does not answer there: dial tcp", deserted))

	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(100*time.Millisecond, cancel)
	began := time.Now()
	_, err = dist.Init(ctx, dist.Options{Timeout: time.Minute, World: &dist.World{Rank: 0, Size: 2, MasterAddr: "127.0.0.1", MasterPort: torchtest.FreePort(t)}})
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(began), 30*time.Second, "it does not wait for the timeout")

	// Another program has the port, and never answers.
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = other.Close() }()
	port = other.Addr().(*net.TCPAddr).Port
	assert.ErrorContains(t, begin(0, port, 2*time.Second), "EADDRINUSE")
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
