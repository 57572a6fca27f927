// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/wholefile"
)

// children lists what the test binary can do when a test starts it as a process of
// its own. An error fails the test.
var children = map[string]func(dir string, seed uint64) (Stats, error){
	"hammer": hammer, "write": writeForEver, "full": fullDisk, "read-only": readOnlyDisk, "shard": shard,
}

func TestMain(m *testing.M) {
	child, ok := children[os.Getenv("ETUDE_CACHE_TEST_CHILD")]
	if !ok {
		os.Exit(m.Run())
	}
	seed, _ := strconv.ParseUint(os.Getenv("ETUDE_CACHE_TEST_SEED"), 10, 64)
	s, err := child(os.Getenv("ETUDE_CACHE_TEST_DIR"), seed)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(s)
}

func start(t *testing.T, child, dir string, seed int) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "ETUDE_CACHE_TEST_CHILD="+child, "ETUDE_CACHE_TEST_DIR="+dir, "ETUDE_CACHE_TEST_SEED="+strconv.Itoa(seed))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

const (
	hammerKeys  = 600
	hammerBound = 256 * block
	hammerTime  = 3 * time.Second
	hammerMost  = 3 * block // the largest entry
)

// noisy returns an entry of 1 to 3 blocks whose parts belong together: noisyFault finds
// a mixture of two of them, and one of another key.
func noisy(k int, nonce uint64) *Entry {
	r := rand.New(rand.NewPCG(uint64(k), nonce))
	e := &Entry{Notes: []string{strconv.FormatUint(nonce, 10)}}
	for range 3 {
		row := Row{Part: strconv.Itoa(k), Values: make([]float32, r.IntN(850))}
		for i := range row.Values {
			row.Values[i] = r.Float32()
		}
		e.Rows = append(e.Rows, row)
	}
	return e
}

func noisyFault(k int, e *Entry) error {
	if len(e.Notes) == 1 {
		nonce, err := strconv.ParseUint(e.Notes[0], 10, 64)
		if err == nil && slices.EqualFunc(bits(e), bits(noisy(k, nonce)), func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			return nil
		}
	}
	return fmt.Errorf("key %d has a wrong entry: %v", k, e.Notes)
}

func hammer(dir string, seed uint64) (Stats, error) {
	c, err := Open(dir)
	if err != nil {
		return Stats{}, err
	}
	c.max = hammerBound
	r := rand.New(rand.NewPCG(seed, 1))
	for end := time.Now().Add(hammerTime); time.Now().Before(end); {
		k := r.IntN(hammerKeys)
		if e, ok := c.Get(key(k)); !ok {
			err = c.Put(key(k), noisy(k, r.Uint64()))
		} else if err = noisyFault(k, e); err == nil && r.IntN(4) == 0 {
			err = c.Put(key(k), noisy(k, r.Uint64()))
		}
		if err != nil {
			return Stats{}, err
		}
	}
	err = c.Close()
	return c.Stats(), err
}

func TestProcesses(t *testing.T) {
	const processes = 4
	dir := filepath.Join(t.TempDir(), "features")
	var wg sync.WaitGroup
	var reports [processes]Stats
	for i := range processes {
		cmd, out := start(t, "hammer", dir, i) // they make the folder, too
		require.NoError(t, cmd.Start())
		wg.Go(func() {
			if assert.NoError(t, cmd.Wait(), "%s", out) {
				assert.NoError(t, json.Unmarshal(out.Bytes(), &reports[i]))
			}
		})
	}
	// What each may store before it counts the files again.
	const slack = processes * 2 * max(hammerMost, hammerBound/64)
	c := openAt(t, dir)
	for end := time.Now().Add(hammerTime); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		_, bytes, err := c.Size()
		require.NoError(t, err)
		// Counting takes a while, in which a tenth may go and come.
		require.LessOrEqual(t, bytes, int64(hammerBound*11/10+slack))
	}
	wg.Wait()
	var sum Stats
	for _, s := range reports {
		sum.Hits, sum.Misses, sum.Damaged = sum.Hits+s.Hits, sum.Misses+s.Misses, sum.Damaged+s.Damaged
		assert.Empty(t, s.Fault)
	}
	entries, bytes, err := c.Size()
	require.NoError(t, err)
	t.Logf("%+v; %d entries, %d of %d bytes", sum, entries, bytes, hammerBound)
	assert.Zero(t, sum.Damaged, "nothing was cut, nothing was mixed")
	assert.Positive(t, sum.Hits)
	assert.Less(t, entries, hammerKeys, "some were removed")
	assert.LessOrEqual(t, bytes, int64(hammerBound+slack))
}

// writeForEver stores entries of about 1 MB, so that a kill finds it at that.
func writeForEver(dir string, seed uint64) (Stats, error) {
	c, err := Open(dir)
	if err != nil {
		return Stats{}, err
	}
	c.max = 64 << 20
	for i := seed; ; i++ {
		if err := c.Put(key(int(i%40)), large(int(i%40))); err != nil {
			return Stats{}, err
		}
	}
}

func large(i int) *Entry {
	return &Entry{Rows: []Row{{"x", slices.Repeat([]float32{float32(i), 1, 2, 3}, 1<<16)}}}
}

func TestKilledWriter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "features")
	for i := range 15 {
		cmd, out := start(t, "write", dir, 13*i)
		require.NoError(t, cmd.Start())
		time.Sleep(time.Duration(60+7*i) * time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		require.Empty(t, out.String())
	}
	c := openAt(t, dir)
	hits := 0
	for i := range 40 {
		if e, ok := c.Get(key(i)); ok {
			hits++
			require.Equal(t, bits(large(i)), bits(e))
		}
	}
	assert.Positive(t, hits)
	assert.Zero(t, c.Stats().Damaged)
	t.Logf("%d entries after 15 kills", hits)
	_, bytes, err := c.Size()
	require.NoError(t, err)
	assert.LessOrEqual(t, bytes, int64(66<<20), "a 64th more than its room, and an entry")
}

const (
	shards      = 6
	shardKeys   = 900
	shardLetter = "ABC" // machines, with two processes each
)

// ofMachine makes this process one of another machine, whose locks only its own processes
// see, as on a network folder that is mounted without locks.
func ofMachine(dir string, seed uint64) (*Cache, error) {
	letter := shardLetter[seed%uint64(len(shardLetter)):][:1]
	var held []*os.File // so that the collector does not close them
	lock = func(f *os.File) bool {
		other, err := os.OpenFile(dir+"-"+letter+"-"+filepath.Base(f.Name()), os.O_CREATE|os.O_RDWR, 0o600)
		held = append(held, other)
		return err == nil && wholefile.Lock(other)
	}
	c, err := Open(dir)
	if err == nil {
		c.own = segmentPrefix + strings.Repeat(letter, machineLetters)
	}
	return c, err
}

// shard stores its share of the keys, slowly enough to be killed meanwhile.
func shard(dir string, seed uint64) (Stats, error) {
	c, err := ofMachine(dir, seed)
	if err != nil {
		return Stats{}, err
	}
	for i := int(seed); i < shardKeys; i += shards {
		if e, ok := c.Get(key(i)); ok {
			if err := noisyFault(i, e); err != nil {
				return Stats{}, err
			}
			continue
		}
		if err := c.Put(key(i), noisy(i, seed)); err != nil {
			return Stats{}, err
		}
		time.Sleep(time.Millisecond)
	}
	err = c.Close()
	return c.Stats(), err
}

// Shards of several machines store into one folder, are killed and started again, and in
// the end all entries are there and none was damaged, though no machine sees the locks
// of another.
func TestMachines(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "features")
	var wg sync.WaitGroup
	for i := range shards {
		wg.Go(func() {
			for kill := range 4 {
				cmd, out := start(t, "shard", dir, i)
				if !assert.NoError(t, cmd.Start()) {
					return
				}
				if kill < 3 {
					time.Sleep(time.Duration(20+11*i+17*kill) * time.Millisecond)
					_ = cmd.Process.Kill()
					_ = cmd.Wait()
					continue
				}
				var s Stats
				if assert.NoError(t, cmd.Wait(), "%s", out) && assert.NoError(t, json.Unmarshal(out.Bytes(), &s)) {
					assert.Zero(t, s.Damaged)
					assert.Empty(t, s.Fault)
				}
			}
		})
	}
	wg.Wait()
	c := openAt(t, dir)
	for i := range shardKeys {
		e, ok := c.Get(key(i))
		if assert.True(t, ok, i) {
			assert.NoError(t, noisyFault(i, e))
		}
	}
	assert.Zero(t, c.Stats().Damaged)
	segments, err := filepath.Glob(filepath.Join(dir, segmentPrefix+"*"))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(segments), shards, "what a killed process began, the next one of its machine goes on with")
}

// A file system that grants every lock has segments of one process alone.
func TestNoLocks(t *testing.T) {
	lock = func(*os.File) bool { return true }
	defer func() { lock = wholefile.Lock }()
	dir := t.TempDir()
	a, b := openAt(t, dir), openAt(t, dir)
	for i := range 20 {
		require.NoError(t, a.Put(key(2*i), small(2*i)))
		require.NoError(t, b.Put(key(2*i+1), small(2*i+1)))
	}
	assert.NotEqual(t, a.into.name, b.into.name)
	all := openAt(t, dir)
	for i := range 40 {
		_, ok := all.Get(key(i))
		assert.True(t, ok, i)
	}
	assert.Zero(t, all.Stats().Damaged)
}

// Another process is making the folder a cache, on a file system without unnamed files.
func TestHalfMade(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "."+markerFile+".tmp-ABCDEFGHIJ"), nil, 0o600))
	assert.NoError(t, openAt(t, dir).Put(key(1), small(1)))
}

// An entry of another machine may be on the way still: its segment is removed only when it
// has long been left alone.
func TestDamagedElsewhere(t *testing.T) {
	dir := t.TempDir()
	other := openAt(t, dir)
	other.own = segmentPrefix + "AAAAAAAA"
	require.NoError(t, other.Put(key(1), small(1)))
	require.NoError(t, other.Close())
	path := filepath.Join(dir, other.into.name)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text[len(text)-1] ^= 1
	require.NoError(t, os.WriteFile(path, text, 0o600))
	for age, there := range map[time.Duration]bool{0: true, 2 * touchAfter: false} {
		then := time.Now().Add(-age)
		if _, err := os.Stat(path); err != nil {
			require.NoError(t, os.WriteFile(path, text, 0o600))
		}
		require.NoError(t, os.Chtimes(path, then, then))
		_, ok := openAt(t, dir).Get(key(1))
		assert.False(t, ok)
		_, err := os.Stat(path)
		assert.Equal(t, there, err == nil, age)
	}
}

// TestFileSystems needs a disk of its own, which an ordinary user may have in
// namespaces of his own.
func TestFileSystems(t *testing.T) {
	for _, child := range []string{"full", "read-only"} {
		t.Run(child, func(t *testing.T) {
			cmd, out := start(t, child, t.TempDir(), 0)
			cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
			if err := cmd.Start(); err != nil {
				t.Skipf("no namespaces here: %v", err)
			}
			err := cmd.Wait()
			if bytes.Contains(out.Bytes(), []byte(noMount)) {
				t.Skipf("no file systems here: %s", out)
			}
			require.NoError(t, err, "%s", out)
		})
	}
}

const noMount = "cannot mount"

func mount(dir string) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		return fmt.Errorf("%s %s: %w", noMount, dir, err)
	}
	return nil
}

func fullDisk(dir string, _ uint64) (Stats, error) {
	if err := mount(dir); err != nil {
		return Stats{}, err
	}
	c, err := Open(filepath.Join(dir, "features"))
	if err != nil {
		return Stats{}, err
	}
	var failures []error
	for i := range 1000 {
		if err := c.Put(key(i), page(i)); err != nil {
			failures = append(failures, err)
		}
	}
	t := &failure{}
	s := c.Stats()
	if assert.Len(t, failures, 1) {
		assert.ErrorIs(t, failures[0], syscall.ENOSPC)
		assert.ErrorContains(t, failures[0], c.dir)
		assert.ErrorContains(t, failures[0], "free some room, or name another folder in ETUDE_CACHE")
		assert.Equal(t, failures[0].Error(), s.Fault)
	}
	n := stored(t, c)
	assert.Greater(t, n, 50)
	for i := range n {
		e, ok := c.Get(key(i))
		assert.True(t, ok, i)
		assert.Equal(t, page(i), e)
	}
	path := filepath.Join(dir, "features", markerFile)
	_, err = c.Hash(context.Background(), path)
	assert.NoError(t, err)
	left, err := filepath.Glob(filepath.Join(dir, "features", ".*"))
	assert.NoError(t, err)
	assert.Empty(t, left, "no temporaries")
	assert.NoError(t, c.Clear(), "that makes room")
	assert.NoError(t, c.Close())
	return s, t.err
}

func readOnlyDisk(dir string, _ uint64) (Stats, error) {
	if err := mount(dir); err != nil {
		return Stats{}, err
	}
	t := &failure{}
	c, err := Open(filepath.Join(dir, "features"))
	if err != nil {
		return Stats{}, err
	}
	assert.NoError(t, c.Put(key(1), small(1)))
	assert.NoError(t, c.Close())
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return Stats{}, fmt.Errorf("%s read-only: %w", noMount, err)
	}
	readOnly(t, filepath.Join(dir, "features"))
	return Stats{}, t.err
}

// failure is the T of a child.
type failure struct{ err error }

func (f *failure) Errorf(format string, args ...any) { f.err = fmt.Errorf(format, args...) }

func (f *failure) FailNow() {
	fmt.Fprintln(os.Stderr, f.err)
	os.Exit(1)
}
