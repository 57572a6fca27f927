// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/ctorch"
	"github.com/etude-ml/etude/torch/libtorch"
)

// Options are those of [Init].
type Options struct {
	// Timeout is the most that a call waits for other processes; 0 takes PyTorch's 30
	// minutes. It has to be longer than what one process does alone while others wait for
	// it, such as a validation.
	Timeout time.Duration
	// World takes the place of the environment.
	World *World
	// NCCL connects the CUDA devices of the processes too.
	NCCL bool
}

// Group is a group of processes. Its methods block until all processes have called the same,
// in the same order, also where several goroutines call them, or the timeout has passed;
// [Group.Abort] may be called meanwhile. In a group of one process they do nothing.
//
// AllReduce, Broadcast, AllGather, Barrier and [ConvertSyncBatchNorm] compare first what the
// processes call, unless one of them is Python's: a call, shape or type that differs is an error, and
// never a wrong result. Gloo refuses larger tensors of some types, such as Int16, and complex ones in
// AllGather.
//
// After an error of any of them the group is of no more use, and the others are told.
type Group struct {
	World
	timeout time.Duration
	unwatch func() // nil where no torchrun is watched
	peers   *peers
	store   ctorch.Store
	before  atomic.Int32 // how many groups have used the same store

	calls    sync.Mutex   // held by a call that is compared first
	mu       sync.RWMutex // held for reading by whoever uses a handle of libtorch's
	closed   bool
	h        ctorch.Group
	sync     ctorch.Group // of [ConvertSyncBatchNorm]; 0 before
	reducers map[ctorch.Reducer]bool
}

// ErrClosed is wrapped by the errors of a group after its Close.
var ErrClosed = errors.New("the group is closed")

// Init makes the group of all processes that were started together, and blocks until each of
// them has called it. The environment says which of them this is (see [FromEnvironment]);
// Group.World holds what was read, and who has set it. The end of ctx ends Init, and later
// changes nothing: see [Group.Abort].
func Init(ctx context.Context, o Options) (*Group, error) {
	if o.World == nil {
		w, err := FromEnvironment(os.Getenv)
		if err != nil {
			return nil, err
		}
		o.World = &w
	}
	if err := o.World.check(); err != nil {
		return nil, err
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("dist: Options.Timeout is %v; it has to be positive, or 0 for 30 minutes", o.Timeout)
	}
	g := &Group{World: *o.World, timeout: cmp.Or(o.Timeout, 30*time.Minute), reducers: map[ctorch.Reducer]bool{}}
	if g.Size == 1 {
		return g, ctx.Err()
	}
	if err := load(o.NCCL); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, g.timeout, fmt.Errorf("the timeout of %v has passed", g.timeout))
	defer cancel()
	over, end := context.WithCancel(context.WithoutCancel(ctx)) // ends with Init
	defer end()
	// Before there is a group nothing can end what libtorch waits for. So another goroutine
	// waits; it ends at its timeout at the latest, and cleans up if nobody needs it any more.
	var failure error
	joined := make(chan struct{})
	go func() {
		failure = g.join(limited, over, o.NCCL)
		close(joined)
	}()
	select {
	case <-joined:
		if failure == nil {
			return g, nil
		}
	case <-limited.Done():
	}
	err := context.Cause(limited)
	if err == nil {
		err = failure
	}
	wrong := g.rollCall()
	if wrong == "" { // all have come, and others may have the group already
		select {
		case <-joined:
			if failure == nil {
				return g, nil
			}
		case <-time.After(g.patience()):
		}
	}
	if wrong != "" {
		err = fmt.Errorf("%s: %w", wrong, err)
	}
	if g.serves() {
		time.Sleep(g.patience() / 2) // the others call the roll, too
	}
	select {
	case <-joined:
		g.Close()
	default:
		go func() {
			<-joined
			g.Close()
		}()
	}
	return nil, fmt.Errorf("dist: %v: the store of the group is at %s: %w", g.World, g.World.store(), err)
}

// patience is the time for another process, or the store, to answer.
func (g *Group) patience() time.Duration { return min(time.Second, g.timeout/4) }

// late is how late a process may answer that is healthy, but gets no processor time or loses packets:
// TCP sends one again after 1, 3 and 7 seconds.
const late = 10 * time.Second

// serves reports whether this process runs the store.
func (g *Group) serves() bool { return g.Rank == 0 && !g.AgentStore }

// rollCall returns who has not come to the store, or does not answer; "" if nobody is missed.
// It takes a connection of its own, because libtorch may wait in the other one.
func (g *Group) rollCall() string {
	silent := "rank 0 does not answer there"
	switch {
	case g.AgentStore:
		silent = "torchrun does not answer there"
	case g.Rank == 0:
		silent = "" // it could not run the store
	}
	conn, err := net.DialTimeout("tcp", g.World.store(), g.patience())
	if err != nil {
		return silent
	}
	_ = conn.Close()
	// Another program at that port may leave libtorch waiting for ever.
	found := make(chan string, 1)
	go func() {
		wrong, err := g.missing()
		if err != nil {
			wrong = silent
		}
		found <- wrong
	}()
	select {
	case wrong := <-found:
		return wrong
	case <-time.After(6 * g.patience()):
		return silent
	}
}

// missing returns what [Group.rollCall] does, or why the store does not say it.
func (g *Group) missing() (string, error) {
	store, fault := ctorch.NewStore(g.MasterAddr, g.MasterPort, false, false, 3*g.patience())
	if fault != nil {
		return "", fault
	}
	defer store.Free()
	others := &peers{}
	var err error
	if others.addresses, err = g.addresses(store); err != nil {
		return "", err
	}
	var missing []string
	for rank, address := range others.addresses {
		if address == "" && rank != g.Rank {
			missing = append(missing, fmt.Sprint("rank ", rank))
		}
	}
	if missing != nil {
		return strings.Join(missing, ", ") + " did not come", nil
	}
	wrong, _ := others.ask(g.Rank, g.patience())
	return wrong, nil
}

// prefix is that of the group's keys in the store: PyTorch's, so that its processes find ours.
func (g *Group) prefix() string {
	prefix := "default_pg/0//"
	if g.AgentStore && g.Attempt > 0 {
		prefix = fmt.Sprintf("/worker/attempt_%d/%s", g.Attempt, prefix)
	}
	if n := g.before.Load(); n > 0 {
		prefix += fmt.Sprintf("etude/group/%d/", n)
	}
	return prefix
}

// address is the key of a rank's address.
func (g *Group) address(rank int) string { return fmt.Sprintf("%setude/address/%d", g.prefix(), rank) }

// addresses returns the addresses of the ranks, "" for one that has told none.
func (g *Group) addresses(store ctorch.Store) ([]string, error) {
	list := make([]string, g.Size)
	for rank := range list {
		text, err := store.Get(g.address(rank))
		if err != nil {
			return nil, err
		}
		list[rank] = text
	}
	return list, nil
}

var loading struct {
	sync.Mutex
	done bool
}

// load opens the bridge to c10d.
func load(nccl bool) error {
	if err := torch.Init(); err != nil {
		return err
	}
	if err := ctorch.CUDA(); nccl && err != nil {
		return fmt.Errorf("dist: NCCL needs CUDA: %w", err)
	}
	loading.Lock()
	defer loading.Unlock()
	if loading.done {
		return nil
	}
	found, err := libtorch.Locate()
	if err != nil {
		return err
	}
	if found.DistBridge == "" {
		return errors.New("dist: the bridge to libtorch's c10d is not there: `etude setup` compiles it, or says why it cannot")
	}
	if err := ctorch.LoadDist(found.DistBridge); err != nil {
		return fmt.Errorf("dist: %s cannot be loaded: %w; `etude setup --force` compiles it anew", found.DistBridge, err)
	}
	loading.done = true
	return nil
}

// join meets the others in the store, and connects to them. Once it has, it ends with over.
func (g *Group) join(ctx, over context.Context, nccl bool) error {
	server := g.serves()
	for early := time.Now().Add(g.timeout - g.patience()); ; time.Sleep(pause) {
		err := g.enter(ctx, server)
		if err == nil {
			break
		}
		if server || ctx.Err() != nil || time.Now().After(early) {
			return err
		}
	}
	var err error
	if g.peers, err = newPeers(ctx, g.World, g.patience()); err != nil {
		return err
	}
	store := g.store
	if err := store.Set(g.address(g.Rank), g.peers.listener.Addr().String()); err != nil {
		return err
	}
	h, failure := g.connect("", nccl)
	if failure != nil {
		return failure
	}
	g.mu.Lock()
	g.h = h
	g.mu.Unlock()
	// Whoever has come this far has told its address.
	if g.peers.addresses, err = g.addresses(store); err != nil {
		return err
	}
	if g.AgentStore {
		if err := g.watch(); err != nil {
			return err
		}
	}
	// The store goes with its server, so the server waits until nobody needs it.
	for n := 1; ; n = 0 {
		ready, err := store.Add(g.prefix()+"etude/ready", n)
		if err != nil {
			return err
		}
		if !server || ready >= len(nonempty(g.peers.addresses)) {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-over.Done():
			return over.Err()
		}
	}
}

// enter connects to the store, or runs it. Where this process has been before, there is a store of
// a group that ends, or torchrun's, in which each group that follows another has its own keys.
func (g *Group) enter(ctx context.Context, server bool) error {
	var conn net.Conn
	if !server { // libtorch would warn at each try
		var err error
		if conn, err = new(net.Dialer).DialContext(ctx, "tcp", g.World.store()); err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetReadDeadline(time.Now().Add(pause))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.Join(errors.New("what listens there is no store, or one that is being closed"), err)
		}
	}
	store, fault := ctorch.NewStore(g.MasterAddr, g.MasterPort, server, !server && !g.AgentStore, g.timeout)
	if fault != nil {
		return fault
	}
	times, fault := store.Add(fmt.Sprintf("%setude/times/%d", g.prefix(), g.Rank), 1)
	if fault == nil && times > 1 && !g.AgentStore {
		_ = conn.SetReadDeadline(time.Now().Add(g.patience()))
		_, _ = conn.Read(make([]byte, 1)) // until that store is closed
		fault = &ctorch.Error{Text: "an earlier group of this process, or another process with the same rank, has this store"}
	}
	if fault != nil {
		store.Free()
		return fault
	}
	g.store = store
	g.before.Store(int32(times) - 1)
	return nil
}

// watch ends the group when torchrun ends, which runs the store: whoever starts the processes
// again must not find these at work.
func (g *Group) watch() error {
	conn, err := (&net.Dialer{KeepAlive: -1, Timeout: 3 * g.patience()}).Dial("tcp", g.World.store())
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			g.Fail(fmt.Errorf("torchrun, which ran the store at %s, has ended", g.World.store()))
		}
	}()
	g.unwatch = func() {
		_ = conn.Close()
		<-ended
	}
	return nil
}

// connect makes connections to all others. A name tells them from those that there are already.
func (g *Group) connect(name string, nccl bool) (ctorch.Group, *ctorch.Error) {
	return ctorch.NewGroup(ctorch.GroupOptions{
		Store: g.store, Prefix: g.prefix() + name, Address: g.peers.host, Rank: g.Rank, Size: g.Size,
		Timeout: g.timeout - g.patience(), NCCL: nccl,
	})
}

// mixed reports whether some of the processes are Python's, which tell no address.
func (g *Group) mixed() bool { return len(nonempty(g.peers.addresses)) < g.Size }

// do makes a call of libtorch's that waits for the other processes.
func (g *Group) do(what string, f func() error) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return fmt.Errorf("dist: %s: %w", what, ErrClosed)
	}
	if g.Size == 1 {
		return nil
	}
	began := time.Now()
	err := f()
	if err == nil {
		return nil
	}
	if reason := g.peers.reason(); reason != "" {
		return fmt.Errorf("dist: rank %d of %d: %s: the group is of no more use: %s", g.Rank, g.Size, what, reason)
	}
	err = errors.New(glooNoise.ReplaceAllString(err.Error(), ""))
	wrong, well := g.peers.ask(g.Rank, max(g.patience(), min(late, g.timeout-time.Since(began))))
	g.peers.leave(cmp.Or(wrong, fmt.Sprintf("%s: %v", what, err)), well)
	g.abort()
	if wrong != "" {
		err = fmt.Errorf("%s: %w", wrong, err)
	}
	return fmt.Errorf("dist: rank %d of %d: %s: %w", g.Rank, g.Size, what, err)
}

// glooNoise matches places in Gloo's source, and guesses that [peers.ask] replaces.
var glooNoise = regexp.MustCompile(`\[/\S+\.cc:\d+\] |\. This is typically caused by (?s:.*)`)

// Check asks the other processes how they are. If one of them is gone, or does not answer for 10
// seconds, the group ends as after [Group.Fail], and the error names it. Calls may be in progress
// meanwhile.
func (g *Group) Check() error {
	if g.Size == 1 {
		return nil
	}
	wrong, well := g.peers.ask(g.Rank, min(late, g.timeout))
	if wrong == "" {
		return nil
	}
	g.fail(wrong, well)
	return errors.New(wrong)
}

// Abort makes the calls of all processes fail at once, also one in progress here, and all
// later ones. It is for a process that cannot go on; context.AfterFunc(ctx, group.Abort) lets a
// context say so.
func (g *Group) Abort() { g.Fail(errors.New("Abort was called")) }

// Fail does what [Group.Abort] does, and tells the other processes the reason.
func (g *Group) Fail(reason error) { g.fail(reason.Error(), g.Size) }

func (g *Group) fail(reason string, askers int) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.h == 0 {
		return
	}
	g.peers.leave(reason, askers)
	g.abort()
}

// abort closes all connections.
func (g *Group) abort() {
	for _, h := range []ctorch.Group{g.h, g.sync} {
		if h != 0 {
			_ = h.Abort() // connections that are closed are what is wanted
		}
	}
}

// Close leaves the group, and frees what belongs to it; twice is allowed. It calls
// [Group.Abort] if a call is in progress. After an error it waits for the other processes, a
// second at most, until they have heard the reason. No thread and no connection is left then, but
// for one of libtorch's whose connection broke in the middle of a message: it ends at the timeout.
//
// [Group.Barrier] should come before it: a process that has got the tensor of a [Group.Broadcast]
// and leaves is gone to those that are still in it.
func (g *Group) Close() {
	if g.unwatch != nil {
		g.unwatch()
	}
	for !g.mu.TryLock() {
		g.Abort()
		time.Sleep(pause)
	}
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	if g.peers != nil {
		g.peers.leave("it has left the group", 0)
	}
	for r := range g.reducers {
		r.Free()
	}
	clear(g.reducers)
	for _, h := range []ctorch.Group{g.h, g.sync} {
		if h != 0 {
			h.Free()
		}
	}
	if g.store != 0 {
		g.store.Free()
	}
	if g.peers != nil {
		g.peers.close()
	}
	g.h, g.sync, g.store = 0, 0, 0
}
