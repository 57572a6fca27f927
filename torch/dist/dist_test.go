// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// The tests start this program again as the processes of a group.
const (
	workVariable    = "ETUDE_TEST_DIST_WORK"    // mlp, norm, sync, scale, late or broadcast
	failVariable    = "ETUDE_TEST_DIST_FAIL"    // the signal that the last rank sends itself, or the network device that it cuts
	timeoutVariable = "ETUDE_TEST_DIST_TIMEOUT" // seconds
)

func TestMain(m *testing.M) {
	kind := os.Getenv(workVariable)
	if kind == "" {
		torchtest.Main(m)
		return
	}
	seconds, err := strconv.Atoi(os.Getenv(timeoutVariable))
	if err != nil {
		seconds = 60
	}
	group, err := dist.Init(context.Background(), dist.Options{Timeout: time.Duration(seconds) * time.Second})
	if err == nil {
		err = work(group, kind)
		group.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// What work and testdata/ddp.py have in common.
const steps, batch = 12, 30

type result struct {
	Losses []float64 `json:"losses"`
	State  []float64 `json:"state"`
}

func network(kind string) any {
	switch kind {
	case "mlp":
		return nn.NewSequential(nn.NewLinear(8, 16, torch.CPU), nn.Tanh{}, nn.NewLinear(16, 4, torch.CPU))
	case "norm", "sync":
		// A bias before a batch norm has no gradient but rounding errors, which Adam would enlarge.
		return nn.NewSequential(nn.NewLinear(8, 16, torch.CPU, nn.LinearConfig{NoBias: true}), nn.NewBatchNorm1d(16, torch.CPU), nn.Tanh{}, nn.NewLinear(16, 4, torch.CPU))
	}
	panic(kind)
}

// work trains a network, and prints its losses and weights.
func work(g *dist.Group, kind string) error {
	switch kind {
	case "scale":
		return scale(g)
	case "late": // until rank 2 dies
		for fmt.Fprintln(os.Stderr, "in the group"); g.Rank == 1; {
			if err := g.Check(); err != nil {
				return err
			}
		}
		if g.Rank > 1 {
			time.Sleep(time.Minute)
		}
		return g.Barrier()
	case "broadcast", "backward": // until rank 1 dies in the middle of a message
		return large(g, kind)
	}
	torch.SetNumThreads(1)
	net := network(kind)
	var r result
	torch.NoGrad(func() {
		for salt, p := range nn.Parameters(net) {
			p.CopyInPlace(torchtest.Ramp(salt+g.Rank, p.Shape()...).MulScalar(0.5))
		}
	})
	if kind == "sync" {
		if err := dist.ConvertSyncBatchNorm(g, net); err != nil {
			return err
		}
	}
	ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{GradientAsBucketView: kind == "norm"})
	if err != nil {
		return err
	}
	settings := optim.DefaultAdam()
	settings.LR = 1e-2
	opt := optim.NewAdam(nn.Parameters(net), settings)
	for step := range steps {
		if fail := os.Getenv(failVariable); fail != "" && step == steps/2 && g.Rank == g.Size-1 && g.Attempt == 0 {
			fmt.Fprintln(os.Stderr, "rank", g.Rank, "fails as it was told")
			if signal, err := strconv.Atoi(fail); err == nil {
				_ = syscall.Kill(os.Getpid(), syscall.Signal(signal))
			} else if err := exec.Command("ip", "link", "set", "dev", fail, "down").Run(); err != nil {
				return err
			}
		}
		var failed error
		torch.Scope(func() {
			from, to := g.Rank*batch/g.Size, (g.Rank+1)*batch/g.Size
			if kind == "sync" && g.Size > 1 { // unequal
				from, to = from-4*min(g.Rank, 1), to-4*max(1-g.Rank, 0)
			}
			x := torchtest.Ramp(100+step, batch, 8).Narrow(0, from, to-from)
			y := torchtest.Ramp(200+step, batch, 4).Narrow(0, from, to-from)
			opt.ZeroGrad()
			if failed = ddp.PrepareForForward(); failed != nil {
				return
			}
			loss := nn.MSELoss(net.(nn.Module).Forward(x), y).MulScalar(float64((to-from)*g.Size) / batch)
			if failed = ddp.Backward(loss); failed != nil {
				return
			}
			opt.Step()
			total := loss.Detach().MulScalar(1 / float64(g.Size))
			if failed = g.AllReduce(total, dist.Sum); failed == nil {
				r.Losses = append(r.Losses, float64(total.Float32s()[0]))
			}
		})
		if failed != nil {
			return failed
		}
	}
	for _, n := range nn.NamedTensors(net) {
		r.State = append(r.State, n.Tensor.Detach().Float64s()...)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// large makes calls with large messages until rank 1 dies.
func large(g *dist.Group, kind string) error {
	die := func() {
		if g.Rank == 1 {
			time.AfterFunc(300*time.Millisecond, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		}
	}
	if kind == "broadcast" {
		die()
		for x := torch.Full([]int{16 << 20}, g.Rank, torch.Options{}); ; {
			if err := g.Broadcast(x, 1); err != nil {
				return err
			}
		}
	}
	net := nn.NewLinear(1_000_000, 1, torch.CPU)
	ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{})
	for die(); err == nil; {
		if err = ddp.PrepareForForward(); err == nil {
			err = ddp.Backward(net.Weight.Sum().Add(net.Bias.Sum()))
		}
	}
	return err
}

// process is one of a group, and what it printed.
type process struct {
	*torchtest.Process
	out bytes.Buffer
}

func (p *process) result(t *testing.T) result {
	require.Equal(t, 0, p.End(), p.Said())
	var r result
	require.NoError(t, json.Unmarshal(p.out.Bytes(), &r), p.out.String())
	return r
}

// start starts one process for each name: "go", or "python".
func start(t *testing.T, kind string, names []string, more ...string) []*process {
	var cmds []*exec.Cmd
	for _, name := range names {
		cmd := exec.Command(os.Args[0])
		if name == "python" {
			cmd = exec.Command(torchtest.Python(t), "testdata/ddp.py", kind)
		}
		cmds = append(cmds, cmd)
	}
	return startAt(t, "127.0.0.1", kind, cmds, more...)
}

// startAt starts commands as the ranks of a group whose store is at an address.
func startAt(t *testing.T, address, kind string, cmds []*exec.Cmd, more ...string) []*process {
	port := torchtest.FreePort(t)
	ps := make([]*process, len(cmds))
	for rank, cmd := range cmds {
		cmd.Env = append(os.Environ(), workVariable+"="+kind, fmt.Sprint("RANK=", rank), fmt.Sprint("WORLD_SIZE=", len(cmds)),
			"MASTER_ADDR="+address, fmt.Sprint("MASTER_PORT=", port))
		cmd.Env = append(cmd.Env, more...)
		ps[rank] = &process{}
		cmd.Stdout = &ps[rank].out
		ps[rank].Process = torchtest.Start(t, cmd, nil)
	}
	return ps
}

// train returns what each process of a group ended with.
func train(t *testing.T, kind string, names ...string) []result {
	var results []result
	for _, p := range start(t, kind, names) {
		results = append(results, p.result(t))
	}
	return results
}

// same compares to 1e-6, relative to the largest value: sums of float32 in another order,
// over a dozen steps of Adam.
func same(t *testing.T, want, got result, what string) {
	t.Helper()
	for name, pair := range map[string][2][]float64{"losses": {want.Losses, got.Losses}, "state": {want.State, got.State}} {
		require.Len(t, pair[1], len(pair[0]), "%s: %s", what, name)
		largest, most := 0.0, 0.0
		for i, w := range pair[0] {
			largest, most = math.Max(largest, math.Abs(w)), math.Max(most, math.Abs(w-pair[1][i]))
		}
		assert.LessOrEqual(t, most, 1e-6*largest, "%s: %s", what, name)
		t.Logf("%s: %s differ by %.1e of %.1e", what, name, most, largest)
	}
}

func TestRanksAreOne(t *testing.T) {
	torchtest.Need(t)
	one := train(t, "mlp", "go")[0]
	require.Less(t, one.Losses[steps-1], one.Losses[0])
	for _, names := range [][]string{{"go", "go"}, {"go", "go", "go", "go"}} {
		for rank, r := range train(t, "mlp", names...) {
			same(t, one, r, fmt.Sprintf("rank %d of %d", rank, len(names)))
		}
	}
}

func TestWithPython(t *testing.T) {
	torchtest.Need(t)
	for _, kind := range []string{"mlp", "norm"} {
		want := train(t, kind, "python", "python")
		for _, names := range [][]string{{"go", "go"}, {"go", "python"}, {"python", "go"}} {
			for rank, r := range train(t, kind, names...) {
				same(t, want[rank], r, fmt.Sprintf("%s %v: rank %d", kind, names, rank))
			}
		}
	}
}

// One process on the joint batch, PyTorch, and a rank that has less of each batch than others.
func TestSyncBatchNormWithPython(t *testing.T) {
	torchtest.Need(t)
	one := train(t, "sync", "go")[0]
	want := train(t, "sync", "python", "python")
	for rank, r := range train(t, "sync", "go", "go") {
		same(t, want[rank], r, fmt.Sprintf("PyTorch: rank %d", rank))
		same(t, one, r, fmt.Sprintf("one process: rank %d", rank))
	}
	mixed := start(t, "sync", []string{"go", "python"})[0]
	assert.Equal(t, 3, mixed.End())
	assert.Contains(t, mixed.Said(), "SyncBatchNorm: a process of the group is Python's")
}

// torchrun starts a program of ours, and starts it again when a rank has died.
func TestTorchrun(t *testing.T) {
	torchtest.Need(t)
	python := torchtest.Python(t)
	want := train(t, "mlp", "go", "go")[0]
	cmd := exec.Command(filepath.Join(filepath.Dir(python), "torchrun"), "--standalone", "--nproc-per-node=2", "--max-restarts=1", "--no-python", os.Args[0])
	cmd.Env = append(os.Environ(), workVariable+"=mlp", failVariable+"="+strconv.Itoa(int(syscall.SIGKILL)))
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	require.NoError(t, cmd.Run(), said.String())
	// Rank 0 may say nothing, because torchrun ends it.
	assert.Contains(t, said.String(), "rank 1 fails as it was told")
	decoder := json.NewDecoder(&out)
	for range 2 {
		var r result
		require.NoError(t, decoder.Decode(&r))
		assert.Equal(t, want, r)
	}
}

func TestRankFails(t *testing.T) {
	torchtest.Need(t)
	const timeout = 4
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		began := time.Now()
		ps := start(t, "mlp", []string{"go", "go", "go"}, failVariable+"="+strconv.Itoa(int(signal)), timeoutVariable+"="+strconv.Itoa(timeout))
		// A process that stands still may owe the others a part of the step before.
		for _, rank := range []int{0, 1} {
			assert.Equal(t, 3, ps[rank].End())
			assert.Regexp(t, fmt.Sprintf(`dist: rank %d of 3: (backward|all-reduce): .*rank 2 \(127\.0\.0\.1:\d+\) does not answer`, rank), ps[rank].Said())
		}
		t.Logf("%v: %v after the start\n%s%s", signal, time.Since(began), ps[0].Said(), ps[1].Said())
		_ = ps[2].Process.Process.Kill()
	}
}

// A process that answers late, here one that stands still for a while, is not gone.
func TestRankIsLate(t *testing.T) {
	torchtest.Need(t)
	ps := start(t, "late", []string{"go", "go", "go", "go"})
	for _, p := range ps {
		p.Until(t, time.Minute, func() bool { return strings.Contains(p.Said(), "in the group") })
	}
	late := ps[3].Process.Process
	require.NoError(t, late.Signal(syscall.SIGSTOP))
	require.NoError(t, ps[2].Process.Process.Kill())
	time.Sleep(4 * time.Second)
	require.NoError(t, late.Signal(syscall.SIGCONT))
	for _, p := range ps[:2] {
		assert.Equal(t, 3, p.End())
		assert.Regexp(t, `rank 2 \(127\.0\.0\.1:\d+\) does not answer`, p.Said())
		assert.NotRegexp(t, `rank 3 \(127\.0\.0\.1:\d+\) does not answer`, p.Said())
	}
}

// endsAtOnce looks whether rank 0 ends before its timeout because rank 1 has died in a call.
func endsAtOnce(t *testing.T, call string, ps []*process) {
	assert.Equal(t, 3, ps[0].End())
	assert.Regexp(t, `dist: rank 0 of 2: `+call+`: rank 1 \([\d.]+:\d+\) does not answer: `, ps[0].Said())
	assert.NotContains(t, ps[0].Said(), "Timed out")
}

// A large message that ends in the middle ends the call, and not its timeout.
func TestRankFailsInAMessage(t *testing.T) {
	torchtest.Need(t)
	for range 2 {
		endsAtOnce(t, "broadcast", start(t, "broadcast", []string{"go", "go"}, timeoutVariable+"=40"))
	}
}

// A process that is asked to end when others have the group already has it, too: so they can end
// together.
func TestInitEndsTogether(t *testing.T) {
	torchtest.NoLeaks(t)
	torchtest.Need(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	port := torchtest.FreePort(t)
	var all sync.WaitGroup
	for rank := range 2 {
		all.Go(func() {
			g, err := dist.Init(ctx, dist.Options{Timeout: time.Minute, World: &dist.World{Rank: rank, Size: 2, MasterAddr: "127.0.0.1", MasterPort: port}})
			cancel() // rank 0 still waits for what rank 1 says at the end
			if assert.NoError(t, err, rank) {
				assert.NoError(t, g.Barrier())
				g.Close()
			}
		})
	}
	all.Wait()
}
