// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/wholefile"
)

// age sets when an entry was used last.
func age(t *testing.T, c *Cache, k Key, ago time.Duration) {
	t.Helper()
	when := time.Now().Add(-ago)
	require.NoError(t, os.Chtimes(filepath.Join(c.dir, k.file()), when, when))
}

func has(c *Cache, k Key) bool {
	_, err := c.root.Lstat(k.file())
	return err == nil
}

func TestEviction(t *testing.T) {
	const bound = 100
	c := bounded(t, bound*block)
	for i := range bound - 2 {
		require.NoError(t, c.Put(key(i), small(i)))
		age(t, c, key(i), 10*time.Hour+time.Duration(i*37%bound)*time.Minute) // 37 and 100 are coprime
	}
	require.Equal(t, bound-2, stored(t, c), "below the bound")
	for i := range 20 { // those used again stay, though they are the oldest
		age(t, c, key(i), 24*time.Hour)
		_, ok := c.Get(key(i))
		require.True(t, ok)
	}
	theirs := filepath.Join(c.dir, filepath.Dir(key(50).file()), "a large file of somebody's")
	require.NoError(t, os.WriteFile(theirs, make([]byte, 50*block), 0o600))
	require.NoError(t, os.Chtimes(theirs, time.Unix(0, 0), time.Unix(0, 0)))

	next := 1000
	for stored(t, c) == bound-2+next-1000 {
		require.Less(t, next, 1010)
		require.NoError(t, c.Put(key(next), small(next)))
		next++
	}
	n, bytes, err := c.Size()
	require.NoError(t, err)
	evicted := bound - 2 + next - 1000 - n
	assert.InDelta(t, 0.9*bound, float64(bytes)/block, 2, "90 %% and the entry that was to be stored")
	assert.FileExists(t, theirs)
	var kept, gone []int // the minutes
	for i := 20; i < bound-2; i++ {
		if has(c, key(i)) {
			kept = append(kept, i*37%bound)
		} else {
			gone = append(gone, i*37%bound)
		}
	}
	require.Len(t, gone, evicted)
	for _, g := range gone {
		for _, k := range kept {
			require.Greater(t, g, k, "minutes: the older go first")
		}
	}
	for i := range 20 {
		assert.True(t, has(c, key(i)))
	}
	for i := range 7 {
		require.NoError(t, c.Put(key(2000+i), small(i)))
	}
	assert.Equal(t, n+7, stored(t, c), "there is room again")
	for range 200 {
		require.NoError(t, c.Put(key(2000), small(0)))
	}
	assert.Equal(t, n+7, stored(t, c), "what takes another's place takes no room")
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
		info, err := c.root.Stat(key(1).file())
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
			require.NoError(t, c.Put(key(from+i), small(i)))
		}
		require.NoError(t, c.Close())
		c = openAt(t, dir)
		_, bytes, err := c.Size()
		require.NoError(t, err)
		return bytes / block
	}
	assert.Equal(t, int64(200), fill(maxBytes, 0, 200))
	assert.Equal(t, int64(91), fill(100*block, 200, 1))
	assert.Equal(t, int64(92), fill(100*block, 300, 1))
}

// The first Put removes what killed writers have left, and nothing that a living
// one is writing.
func TestSweep(t *testing.T) {
	c := open(t)
	folder := filepath.Dir(filepath.Join(c.dir, key(1).file()))
	require.NoError(t, os.MkdirAll(folder, 0o700))
	dead, alive := filepath.Join(folder, ".x.tmp-AAAAAAAAAA"), filepath.Join(folder, ".x.tmp-BBBBBBBBBB")
	require.NoError(t, os.WriteFile(dead, nil, 0o600))
	f, err := os.Create(alive)
	require.NoError(t, err)
	defer f.Close()
	require.True(t, wholefile.Lock(f))
	require.NoError(t, c.Put(key(1), small(1)))
	assert.NoFileExists(t, dead)
	assert.FileExists(t, alive)
}
