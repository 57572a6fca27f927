// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t testing.TB) *Cache {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "features"))
}

func openAt(t testing.TB, dir string) *Cache {
	t.Helper()
	c, err := Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// bounded opens a cache with less room.
func bounded(t testing.TB, most int64) *Cache {
	c := open(t)
	c.max = most
	return c
}

// stored counts the entries.
func stored(t require.TestingT, c *Cache) int {
	n, _, err := c.Size()
	require.NoError(t, err)
	return n
}

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o600) }

// tree lists the files below a folder, with slashes.
func tree(t *testing.T, dir string) (list []string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	}))
	return list
}

func TestDefault(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/c")
	t.Setenv(Variable, "")
	assert.Equal(t, "/c/etude/features", Default())
	t.Setenv(Variable, "/elsewhere")
	assert.Equal(t, "/elsewhere", Default())
	t.Setenv(Variable, "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	assert.Empty(t, Default())
	_, err := Open(Default())
	assert.ErrorContains(t, err, "set ETUDE_CACHE")
}

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "down")
	c := openAt(t, dir)
	require.NoError(t, c.Put(key(1), small(1)))
	openAt(t, dir)
	tag, err := os.ReadFile(filepath.Join(dir, "CACHEDIR.TAG"))
	require.NoError(t, err)
	// What tar --exclude-caches and others look for.
	assert.True(t, strings.HasPrefix(string(tag), "Signature: 8a477f597d28d172789f06886806bc55"))
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, path)
		return nil
	}))

	// The mark is empty, as after a power cut.
	require.NoError(t, os.WriteFile(filepath.Join(dir, markerFile), nil, 0o600))
	c = openAt(t, dir)
	_, ok := c.Get(key(1))
	assert.True(t, ok)
	assert.True(t, c.marked())

	for name, make := range map[string]func(dir string) error{
		"thesis.tex":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600) },
		"ab":           func(dir string) error { return os.WriteFile(filepath.Join(dir, "ab"), nil, 0o600) },
		"CACHEDIR.TAG": func(dir string) error { return os.WriteFile(filepath.Join(dir, markerFile), []byte("theirs"), 0o600) },
	} {
		dir := t.TempDir()
		require.NoError(t, make(dir))
		_, err := Open(dir)
		require.ErrorContains(t, err, dir+" holds "+name+" and no cache")
		assert.Len(t, tree(t, dir), 1)
	}
	file := filepath.Join(dir, markerFile)
	_, err = Open(file)
	assert.ErrorContains(t, err, file)
	assert.ErrorContains(t, err, "name another folder in ETUDE_CACHE")
}

func TestNil(t *testing.T) {
	var c *Cache
	path := filepath.Join(t.TempDir(), "abc")
	require.NoError(t, os.WriteFile(path, []byte("abc"), 0o600))
	sum, err := c.Hash(context.Background(), path)
	require.NoError(t, err)
	assert.Equal(t, abc, sum)
	e, err := c.Do(context.Background(), "no such file", "f", 1, func() (*Entry, error) { return small(1), nil })
	require.NoError(t, err)
	assert.Equal(t, small(1), e)
}

func TestDo(t *testing.T) {
	c := open(t)
	path := filepath.Join(t.TempDir(), "a.wav")
	require.NoError(t, os.WriteFile(path, []byte("abc"), 0o600))
	made := 0
	do := func(c *Cache, e *Entry, err error) (*Entry, error) {
		return c.Do(context.Background(), path, "f", 1, func() (*Entry, error) { made++; return e, err })
	}
	_, err := do(c, nil, context.Canceled)
	require.ErrorIs(t, err, context.Canceled)
	e, err := do(c, &Entry{Failure: "silent"}, nil)
	require.NoError(t, err)
	again, err := do(c, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, e, again)
	assert.Equal(t, 2, made)

	// A copy is the same file; one that changes while it is decoded is stored under
	// neither content.
	path = filepath.Join(t.TempDir(), "b.wav")
	require.NoError(t, os.WriteFile(path, []byte("abc"), 0o600))
	again, err = do(c, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, e, again)
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	_, err = c.Do(context.Background(), path, "f", 1, func() (*Entry, error) {
		require.NoError(t, os.WriteFile(path, []byte("new"), 0o600))
		return small(5), nil
	})
	require.NoError(t, err)
	assert.Equal(t, 1, stored(t, c))

	// A file that cannot be hashed is decode's to judge.
	path = filepath.Join(t.TempDir(), "missing.wav")
	_, err = do(c, nil, errors.New("no such recording"))
	assert.EqualError(t, err, "no such recording")
}

func TestClear(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(t.TempDir(), "features")
	c := openAt(t, dir)
	for i := range 300 {
		require.NoError(t, c.Put(key(i), small(i)))
	}
	n, bytes, err := c.Size()
	require.NoError(t, err)
	assert.Equal(t, 300, n)
	assert.Equal(t, int64(5*block), bytes, "3 pages of 2,560 bytes and 300 × 30")
	other := openAt(t, dir)

	// A segment of another version is counted, and goes too.
	old := filepath.Join(dir, "v2-"+strings.Repeat("A", 26)+".features")
	require.NoError(t, os.WriteFile(old, make([]byte, 2*block+1), 0o600))
	n, bytes, err = c.Size()
	require.NoError(t, err)
	assert.Equal(t, 300, n)
	assert.Equal(t, int64(8*block), bytes)

	// Other programs' files stay, however alike; so does all that a link leads to.
	alike := segments(t, c)[0]
	theirs := []string{
		"notes.features", strings.ToLower(alike), alike + "~", ".hidden",
		".x.tmp-" + strings.Repeat("A", 9), "tmp/notes", "thesis.tex", "AB/" + alike, "abc/" + alike,
	}
	for _, name := range theirs {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(outside, alike), nil, 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "00")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "01"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".x.tmp-"+strings.Repeat("A", 10)), nil, 0o600))

	require.NoError(t, c.Clear())
	assert.ElementsMatch(t, append(theirs, markerFile, "00", "01"), tree(t, dir))
	assert.FileExists(t, filepath.Join(outside, alike))

	// Those who use the cache meanwhile find nothing any more, and store again.
	for _, c := range []*Cache{c, other} {
		_, ok := c.Get(key(1))
		assert.False(t, ok)
		assert.Zero(t, stored(t, c))
		require.NoError(t, c.Put(key(1), small(1)))
		_, ok = openAt(t, dir).Get(key(1))
		assert.True(t, ok)
		require.NoError(t, c.Clear())
	}

	require.NoError(t, c.Put(key(1), small(1)))
	require.NoError(t, os.Remove(filepath.Join(dir, markerFile)))
	assert.ErrorContains(t, c.Clear(), dir+" has no CACHEDIR.TAG of Etude's")
	_, ok := c.Get(key(1))
	assert.True(t, ok)
}

func TestClosed(t *testing.T) {
	c := open(t)
	require.NoError(t, c.Put(key(1), small(1)))
	require.NoError(t, c.Close())
	require.NoError(t, c.Put(key(2), small(2)))
	_, ok := c.Get(key(1))
	assert.False(t, ok)
	path := filepath.Join(t.TempDir(), "abc")
	require.NoError(t, os.WriteFile(path, []byte("abc"), 0o600))
	sum, err := c.Hash(context.Background(), path)
	require.NoError(t, err)
	assert.Equal(t, abc, sum)
}

// The folder is removed under a process that uses it.
func TestRemoved(t *testing.T) {
	c := open(t)
	require.NoError(t, c.Put(key(1), small(1)))
	require.NoError(t, os.RemoveAll(c.dir))
	_, ok := c.Get(key(1))
	assert.False(t, ok)
	failures := 0
	for i := range 100 {
		if c.Put(key(i), small(i)) != nil {
			failures++
		}
	}
	assert.Equal(t, 1, failures)
	assert.Contains(t, c.Stats().Fault, c.dir)
}

func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root writes to read-only folders; see TestFileSystems")
	}
	c := open(t)
	require.NoError(t, c.Put(key(1), small(1)))
	require.NoError(t, c.Close())
	paths := []string{c.dir}
	for _, name := range tree(t, c.dir) {
		paths = append(paths, filepath.Join(c.dir, name))
	}
	for _, p := range paths {
		require.NoError(t, os.Chmod(p, 0o500))
	}
	t.Cleanup(func() { _ = os.Chmod(c.dir, 0o700) })
	readOnly(t, c.dir)
}

// readOnly tests that a folder with key(1) is read, and that nothing is reported of the rest.
func readOnly(t require.TestingT, dir string) {
	c, err := Open(dir)
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, c.Put(key(2+i), small(2)))
	}
	_, ok := c.Get(key(1))
	assert.True(t, ok)
	_, ok = c.Get(key(2))
	assert.False(t, ok)
	s := c.Stats()
	assert.Equal(t, []int64{1, 1}, []int64{s.Hits, s.Misses})
	assert.Equal(t, 1, stored(t, c))
	assert.Empty(t, s.Fault)
	require.NoError(t, c.Close())
}

func TestGoroutines(t *testing.T) {
	c := bounded(t, 100*block)
	path := filepath.Join(t.TempDir(), "abc")
	require.NoError(t, os.WriteFile(path, []byte("abc"), 0o600))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				k := (i*7 + g) % 150
				if e, ok := c.Get(key(k)); ok {
					assert.Equal(t, page(k), e)
				}
				assert.NoError(t, c.Put(key(k), page(k)))
				sum, err := c.Hash(context.Background(), path)
				assert.NoError(t, err)
				assert.Equal(t, abc, sum)
				_ = c.Stats()
			}
		})
	}
	wg.Wait()
	_, bytes, err := c.Size()
	require.NoError(t, err)
	assert.LessOrEqual(t, bytes, int64(100*block))
	assert.Less(t, stored(t, c), 100, "some were removed")
	s := c.Stats()
	assert.Equal(t, int64(400), s.Hits+s.Misses)
	assert.Zero(t, s.Damaged)
}

// The features in a folder that another user may fill are not believed.
func TestFolderOfAnotherUser(t *testing.T) {
	dir := t.TempDir()
	for mode, says := range map[os.FileMode]string{0o777: "may be written by other users", 0o703: "may be written by other users", 0o755: "", 0o700: ""} {
		require.NoError(t, os.Chmod(dir, mode))
		c, err := Open(dir)
		if says != "" {
			require.ErrorContains(t, err, says)
			require.ErrorContains(t, err, Variable)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	if os.Geteuid() != 0 {
		t.Skip("only root gives folders away")
	}
	require.NoError(t, os.Chown(dir, 1002, 0))
	_, err := Open(dir)
	require.ErrorContains(t, err, "belongs to another user (1002)")
}
