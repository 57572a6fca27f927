// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// abc is the example of FIPS 180-2, appendix B.1.
var abc = func() (sum [32]byte) {
	b, _ := hex.DecodeString("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
	copy(sum[:], b)
	return sum
}()

// later opens a cache to which all files seem old enough.
func later(t testing.TB, dir string) *Cache {
	c := openAt(t, dir)
	c.now = func() time.Time { return time.Now().Add(fresh + time.Second) }
	return c
}

func TestHash(t *testing.T) {
	info, err := os.Stat(t.TempDir())
	require.NoError(t, err)
	if _, ok := identify(info); !ok {
		t.Skip("this system's files are not known again")
	}
	dir := filepath.Join(t.TempDir(), "features")
	c := later(t, dir)
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("abc"), 0o600))
	hash := func(c *Cache) [32]byte {
		t.Helper()
		sum, err := c.Hash(context.Background(), path)
		require.NoError(t, err)
		return sum
	}
	known := func(c *Cache) bool { return isKnown(t, c, path) }
	assert.False(t, known(c))
	assert.Equal(t, abc, hash(c))
	assert.True(t, known(c))
	assert.Equal(t, abc, hash(c))
	other := openAt(t, dir)
	assert.True(t, known(other), "another process knows it too")
	assert.Equal(t, abc, hash(other))

	// Every way to change what the path leads to, with size and mtime as they were.
	info, err = os.Stat(path)
	require.NoError(t, err)
	restore := func() { require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime())) }
	require.NoError(t, os.WriteFile(path, []byte("abd"), 0o600))
	restore()
	assert.False(t, known(c))
	abd := hash(c)
	assert.NotEqual(t, abc, abd, "rewritten in place")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("c"), 2)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	restore()
	assert.False(t, known(c))
	assert.Equal(t, abc, hash(c), "one byte")
	require.NoError(t, os.WriteFile(path+"2", []byte("abd"), 0o600))
	require.NoError(t, os.Chtimes(path+"2", info.ModTime(), info.ModTime()))
	require.NoError(t, os.Rename(path+"2", path))
	assert.False(t, known(c))
	assert.Equal(t, abd, hash(c), "replaced")
	assert.True(t, known(c))

	// A hash is checked like an entry: here each stands in another's place.
	name := filepath.Join(dir, segments(t, c)[0])
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	hashes := b[pageBytes:]
	size := len(encodeEntry(Key{}, &Entry{Notes: []string{string(abc[:])}}))
	require.Len(t, hashes, 4*size, "of four states")
	require.NoError(t, os.WriteFile(name, slices.Concat(b[:pageBytes], hashes[size:], hashes[:size]), 0o600))
	assert.False(t, known(openAt(t, dir)))
	assert.Equal(t, abd, hash(c))
	hashes[len(hashes)-checkBytes-1] ^= 1 // of the hash
	require.NoError(t, os.WriteFile(name, b, 0o600))
	assert.False(t, known(openAt(t, dir)))
	assert.Equal(t, abd, hash(c))
}

// isKnown reports whether the cache has the hash of the file as it is.
func isKnown(t testing.TB, c *Cache, path string) bool {
	info, err := os.Stat(path)
	require.NoError(t, err)
	id, ok := identify(info)
	_, found := c.known(id)
	return ok && found
}

// A file that was just written may be written again in the same tick.
func TestFreshFilesAreReadAgain(t *testing.T) {
	c := open(t)
	path := filepath.Join(t.TempDir(), "file")
	for i := range 200 {
		want := byte(i)
		require.NoError(t, os.WriteFile(path, []byte{want}, 0o600))
		got, err := c.Hash(context.Background(), path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte{want + 1}, 0o600))
		next, err := c.Hash(context.Background(), path)
		require.NoError(t, err)
		require.NotEqual(t, got, next)
	}
	assert.Equal(t, []string{markerFile}, tree(t, c.dir))
}

func TestHashRefuses(t *testing.T) {
	c := open(t)
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, mkfifo(pipe))
	for path, want := range map[string]string{
		dir: "not a regular file", pipe: "not a regular file", filepath.Join(dir, "none"): "no such file",
	} {
		_, err := c.Hash(context.Background(), path)
		require.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, path)
	}
	// This file has a size of 0, and content.
	_, err := c.Hash(context.Background(), "/proc/self/status")
	assert.ErrorContains(t, err, "/proc/self/status: it changes while it is read")
}

// Memory does not grow with the file.
func TestHashStreams(t *testing.T) {
	c := open(t)
	path := filepath.Join(t.TempDir(), "large")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("0123456789abcdef"), 1<<20), 0o600))
	hash := func() {
		_, err := c.Hash(context.Background(), path)
		require.NoError(t, err)
	}
	hash() // the buffer
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	hash()
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "of 16 MB")
}

func BenchmarkHash(b *testing.B) {
	path := filepath.Join(b.TempDir(), "large")
	const size = 16 << 20
	require.NoError(b, os.WriteFile(path, make([]byte, size), 0o600))
	b.Run("read", func(b *testing.B) {
		c := open(b)
		b.SetBytes(size)
		for b.Loop() {
			_, _ = c.Hash(context.Background(), path)
		}
	})
	b.Run("known", func(b *testing.B) {
		c := later(b, b.TempDir())
		for b.Loop() {
			_, _ = c.Hash(context.Background(), path)
		}
		require.True(b, isKnown(b, c, path))
	})
}

func BenchmarkGet(b *testing.B) {
	c := open(b)
	for name, n := range map[string]int{"128 values": 128, "100,000 values": 100_000} {
		require.NoError(b, c.Put(key(n), &Entry{Rows: []Row{{"x", make([]float32, n)}}}))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := c.Get(key(n)); !ok {
					b.Fatal("a miss")
				}
			}
		})
	}
}

func BenchmarkPut(b *testing.B) {
	c := open(b)
	e := &Entry{Rows: []Row{{"x", make([]float32, 128)}}}
	i := 0
	for b.Loop() {
		i++
		if err := c.Put(key(i%20_000), e); err != nil {
			b.Fatal(err)
		}
	}
}

// A file that is larger than any music is not hashed, and hashing ends with its
// context: sparse files of any size cost nothing.
func TestHashIsBounded(t *testing.T) {
	c := open(t)
	path := filepath.Join(t.TempDir(), "sparse.wav")
	require.NoError(t, os.WriteFile(path, []byte("RIFF"), 0o600))
	require.NoError(t, os.Truncate(path, MaxHash+1))
	_, err := c.Hash(context.Background(), path)
	require.ErrorIs(t, err, ErrTooLarge)
	e, err := c.Do(context.Background(), path, "f", 1, func() (*Entry, error) { return &Entry{Notes: []string{"decoded"}}, nil })
	require.NoError(t, err)
	assert.Equal(t, []string{"decoded"}, e.Notes)
	assert.Zero(t, stored(t, c))

	require.NoError(t, os.Truncate(path, MaxHash))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = c.Hash(ctx, path)
	require.ErrorIs(t, err, context.Canceled)
	_, err = c.Do(ctx, path, "f", 1, func() (*Entry, error) { t.Error("decoded"); return nil, nil })
	require.ErrorIs(t, err, context.Canceled)
}
