// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/wholefile"
)

// segments lists the names of the segments.
func segments(t *testing.T, c *Cache) []string {
	return slices.DeleteFunc(tree(t, c.dir), func(name string) bool { return !strings.HasPrefix(name, segmentPrefix) })
}

// at returns the path of the segment that holds an entry, or "".
func at(c *Cache, k Key) string {
	c.look()
	p, ok := c.index[k.id()]
	if !ok {
		return ""
	}
	return filepath.Join(c.dir, p.in.name)
}

// age sets when the segment of an entry was used last.
func age(t *testing.T, c *Cache, k Key, ago time.Duration) {
	t.Helper()
	when := time.Now().Add(-ago)
	require.NoError(t, os.Chtimes(at(c, k), when, when))
}

func TestEviction(t *testing.T) {
	const bound = 800 // blocks, of which a segment has 50
	c := bounded(t, bound*block)
	n := 0
	for len(segments(t, c)) < 15 {
		require.NoError(t, c.Put(key(n), page(n)))
		n++
	}
	perSegment := (n - 1) / 14
	require.InDelta(t, 50, perSegment, 2)
	first := func(segment int) Key { return key(segment * perSegment) }
	for i := range 14 {
		age(t, c, first(i), 10*time.Hour+time.Duration(i*5%14)*time.Hour) // 5 and 14 are coprime
	}
	for i := range 3 { // those used again stay, though they are the oldest
		age(t, c, first(i), 48*time.Hour)
		_, ok := c.Get(first(i))
		require.True(t, ok)
	}
	old := filepath.Join(c.dir, "v2-"+strings.Repeat("A", 26)+".features") // of another version
	theirs := filepath.Join(c.dir, "a large file of somebody's")
	for _, path := range []string{old, theirs} {
		require.NoError(t, os.WriteFile(path, make([]byte, 50*block), 0o600))
		require.NoError(t, os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0)))
	}

	for range 40 {
		require.NoError(t, c.Put(key(n), page(n)))
		n++
	}
	require.FileExists(t, old, "below the bound")
	for len(segments(t, c)) >= 15 {
		require.Less(t, n, bound)
		require.NoError(t, c.Put(key(n), page(n)))
		n++
	}
	_, bytes, err := c.Size()
	require.NoError(t, err)
	assert.InDelta(t, 0.87*bound, float64(bytes)/block, 0.04*bound, "90 %%, or up to one segment less")
	assert.NoFileExists(t, old)
	assert.FileExists(t, theirs)
	var kept, gone []int // the hours
	for i := 3; i < 14; i++ {
		if at(c, first(i)) != "" {
			kept = append(kept, i*5%14)
		} else {
			gone = append(gone, i*5%14)
		}
	}
	require.NotEmpty(t, gone)
	for _, g := range gone {
		for _, k := range kept {
			require.Greater(t, g, k, "hours: the older go first")
		}
	}
	for i := range 3 {
		assert.NotEmpty(t, at(c, first(i)))
	}
	_, ok := c.Get(key(n - 1))
	assert.True(t, ok)
}

func TestTouch(t *testing.T) {
	c := open(t)
	require.NoError(t, c.Put(key(1), small(1)))
	for _, tc := range []struct {
		ago   time.Duration
		touch bool
	}{{50 * time.Minute, false}, {70 * time.Minute, true}, {-50 * time.Minute, false}, {-70 * time.Minute, true}} {
		age(t, c, key(1), tc.ago)
		_, ok := c.Get(key(1))
		require.True(t, ok)
		info, err := os.Stat(at(c, key(1)))
		require.NoError(t, err)
		assert.Equal(t, tc.touch, time.Since(info.ModTime()).Abs() < time.Minute, tc.ago)
	}
}

// A bound that is smaller than what is there holds from the next Put on.
func TestSmallerBound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "features")
	fill := func(most int64, from, n int) int64 {
		t.Helper()
		c, err := Open(dir)
		require.NoError(t, err)
		c.max = most
		for i := range n {
			require.NoError(t, c.Put(key(from+i), page(i)))
		}
		require.NoError(t, c.Close())
		c = openAt(t, dir)
		_, bytes, err := c.Size()
		require.NoError(t, err)
		return bytes / block
	}
	assert.InDelta(t, 800, fill(800*block, 0, 780), 50)
	assert.InDelta(t, 350, fill(400*block, 1000, 1), 30)
	assert.InDelta(t, 350, fill(400*block, 2000, 1), 30)
}

// What a process has begun when it was killed is dropped, and what it had stored stays.
func TestTornTail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "features")
	slots := strings.Repeat("\x00\x00\x01\x00", pageBytes) // as which it could be read after an entry of 30 bytes
	stores := 0
	for round, tail := range []string{slots, slots, strings.Repeat("\x00", pageBytes) + slots, ""} {
		c, err := Open(dir)
		require.NoError(t, err)
		for range pageSlots + round - 1 { // the last page has 127, 127, 0 and 2
			require.NoError(t, c.Put(key(stores), small(stores)))
			stores++
		}
		require.NoError(t, c.Close())
		require.Len(t, segments(t, c), 1, "the next process goes on with it")
		f, err := os.OpenFile(filepath.Join(dir, segments(t, c)[0]), os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		_, err = f.WriteString(tail)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	c := openAt(t, dir)
	for i := range stores {
		e, ok := c.Get(key(i))
		require.True(t, ok)
		require.Equal(t, small(i), e)
	}
	assert.Zero(t, c.Stats().Damaged)
	assert.Equal(t, stores, stored(t, c))
}

// Each process appends to a segment of its own, and finds what others store later.
func TestTwoWriters(t *testing.T) {
	a := open(t)
	b := openAt(t, a.dir)
	for i := range 10 {
		require.NoError(t, a.Put(key(i), small(i)))
		require.NoError(t, b.Put(key(100+i), small(i)))
	}
	require.Len(t, segments(t, a), 2)
	for _, c := range []*Cache{a, b, openAt(t, a.dir)} {
		c.looked = time.Time{} // a second has passed
		for i := range 10 {
			for _, k := range []Key{key(i), key(100 + i)} {
				e, ok := c.Get(k)
				require.True(t, ok)
				require.Equal(t, small(i), e)
			}
		}
		assert.Equal(t, 20, stored(t, c))
	}
}

// The first Put removes what killed writers have left, and nothing that a living
// one is writing.
func TestSweep(t *testing.T) {
	c := open(t)
	dead, alive := filepath.Join(c.dir, ".x.tmp-AAAAAAAAAA"), filepath.Join(c.dir, ".x.tmp-BBBBBBBBBB")
	require.NoError(t, os.WriteFile(dead, nil, 0o600))
	f, err := os.Create(alive)
	require.NoError(t, err)
	defer f.Close()
	require.True(t, wholefile.Lock(f))
	require.NoError(t, c.Put(key(1), small(1)))
	assert.NoFileExists(t, dead)
	assert.FileExists(t, alive)
}
