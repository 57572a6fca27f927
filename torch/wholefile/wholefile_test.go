// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build linux

package wholefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func umask(t *testing.T, mask int) {
	before := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(before) })
}

func writer(content string, err error) func(io.Writer) error {
	return func(w io.Writer) error {
		_, e := io.WriteString(w, content)
		return errors.Join(e, err)
	}
}

// A write that fails half-way leaves the old content, and nothing else.
func TestReplaceOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	require.NoError(t, Replace(path, writer("old", nil)))
	require.ErrorIs(t, Replace(path, writer("new, half", io.ErrShortWrite)), io.ErrShortWrite)
	assert.Equal(t, "old", text(t, path))
	require.NoError(t, Replace(path, writer("new", nil)))
	assert.Equal(t, "new", text(t, path))
	assert.Equal(t, []string{"a"}, names(t, filepath.Dir(path)))
}

// Where there are no files without a name, a draft has a temporary name, and a
// failed write leaves nothing either.
func TestNamedDraft(t *testing.T) {
	dir := t.TempDir()
	d := &Draft{target: filepath.Join(dir, "x"), temp: filepath.Join(dir, tempName("x"))}
	require.NoError(t, d.createNamed())
	assert.Equal(t, []string{filepath.Base(d.temp)}, names(t, dir))
	require.NoError(t, d.fill(writer("x", nil)))
	d.Discard()
	assert.Empty(t, names(t, dir))

	require.NoError(t, d.createNamed())
	require.NoError(t, d.fill(writer("x", nil)))
	require.NoError(t, d.Publish())
	assert.Equal(t, []string{"x"}, names(t, dir))

	// A name that is taken, by a symbolic link too, is never opened.
	victim := filepath.Join(dir, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(victim, d.temp))
	require.ErrorIs(t, d.createNamed(), fs.ErrExist)
	assert.Equal(t, "precious", text(t, victim))
}

func TestModes(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		mask int
		want fs.FileMode
	}{{0o077, 0o600}, {0o022, 0o644}, {0, 0o666}, {0o027, 0o640}} {
		umask(t, c.mask)
		path := filepath.Join(dir, "new")
		require.NoError(t, Write(path, nil))
		assert.Equal(t, c.want, mode(t, path), "umask %o", c.mask)
		require.NoError(t, os.Remove(path))
		for _, old := range []fs.FileMode{0o600, 0o666, 0o755, 0o400} {
			kept := filepath.Join(dir, "kept")
			require.NoError(t, os.WriteFile(kept, nil, 0o600))
			require.NoError(t, os.Chmod(kept, old))
			require.NoError(t, Write(kept, []byte("new")))
			assert.Equal(t, old, mode(t, kept), "umask %o", c.mask)
			require.NoError(t, os.Remove(kept))
		}
	}
}

func TestLinksAreFollowed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "far"), 0o700))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("far/file", link))
	for _, content := range []string{"first", "second"} { // the link dangles at first
		require.NoError(t, Write(link, []byte(content)))
		assert.Equal(t, content, text(t, filepath.Join(dir, "far", "file")))
	}
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&fs.ModeSymlink)
	assert.Equal(t, []string{"file"}, names(t, filepath.Join(dir, "far")))

	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink("loop", loop))
	require.ErrorContains(t, Write(loop, nil), "too many symbolic links")
	require.ErrorContains(t, Write(dir, nil), "not a regular file")
	require.ErrorContains(t, Write(filepath.Join(dir, "absent", "x"), nil), "absent does not exist; create it first")
}

// A file that does not pass its check never gets its name.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.onnx")
	dead := filepath.Join(dir, ".model.onnx.tmp-ABCDEFGHJ2")
	require.NoError(t, os.WriteFile(dead, nil, 0o600))
	require.NoError(t, Check(path, writer("old", nil), func(string) error { return nil }))
	assert.Equal(t, []string{"model.onnx"}, names(t, dir), "the file that a kill left is removed")
	bad := errors.New("bad")
	require.ErrorIs(t, Check(path, writer("new", nil), func(temp string) error {
		assert.Equal(t, "new", text(t, temp))
		assert.Equal(t, "old", text(t, path))
		return bad
	}), bad)
	assert.Equal(t, "old", text(t, path))
	assert.Equal(t, []string{"model.onnx"}, names(t, dir))
}

func TestLink(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	require.NoError(t, os.WriteFile(a, []byte("a"), 0o600))
	for range 3 { // anew, over another file, and over itself
		require.NoError(t, Link(a, b))
		assert.Equal(t, "a", text(t, b))
		assert.Equal(t, []string{"a", "b"}, names(t, dir))
		require.NoError(t, os.Remove(b))
		require.NoError(t, os.WriteFile(b, []byte("b"), 0o600))
	}
	require.NoError(t, Link(a, b))
	require.NoError(t, Link(a, b))
	assert.Equal(t, []string{"a", "b"}, names(t, dir))
}

const child = "ETUDE_WHOLEFILE_TEST_CHILD"

// TestSweep kills a process that is in the middle of a check, which leaves a file
// behind. Sweep removes it, but not before the process is dead, and nothing else.
func TestSweep(t *testing.T) {
	if path := os.Getenv(child); path != "" {
		_ = Check(path, writer("x", nil), func(string) error {
			_, _ = os.Stdout.WriteString("now")
			select {}
		})
	}
	dir := t.TempDir()
	others := []string{".a.tmp", ".a.tmp-ABCDEFGHJ", ".a.tmp-abcdefghjk", ".a.tmp-ABCDEFGHJKL", "a.tmp-ABCDEFGHJK", ".b.tmp-ABCDEFGHJK"}
	for _, name := range others {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, ".a.tmp-LLLLLLLLLL")))
	others = append(others, ".a.tmp-LLLLLLLLLL")
	c := exec.Command(os.Args[0], "-test.run=^TestSweep$")
	c.Env = append(os.Environ(), child+"="+filepath.Join(dir, "a"))
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = io.ReadFull(out, make([]byte, 3))
	require.NoError(t, err)
	require.NoError(t, Sweep(dir, "a"))
	require.Len(t, names(t, dir), len(others)+1, "a living process keeps its file")
	require.NoError(t, c.Process.Kill())
	_ = c.Wait()
	require.Len(t, names(t, dir), len(others)+1, "the kill leaves it")
	require.NoError(t, Sweep(dir, "a"))
	assert.ElementsMatch(t, others, names(t, dir))
	require.NoError(t, Sweep(dir))
	for _, name := range names(t, dir) {
		assert.False(t, strings.HasPrefix(name, ".b."), name)
	}
	assert.Len(t, names(t, dir), len(others)-1)
}

// A folder is the old one or the new one, with the mode of the old one. What killed processes
// have left is removed, but for what a living one is writing.
func TestFolder(t *testing.T) {
	umask(t, 0o022)
	dir := t.TempDir()
	path := filepath.Join(dir, "above", "a")
	parent, link := filepath.Dir(path), filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(path, link))
	fill := func(content string, err error) func(string) error {
		return func(draft string) error {
			require.NoError(t, Sweep(parent, "a"))
			require.NoError(t, Write(filepath.Join(draft, "file"), []byte(content)))
			return err
		}
	}
	require.NoError(t, Folder(path, fill("old", nil)))
	assert.Equal(t, fs.FileMode(0o755), mode(t, path))
	require.NoError(t, os.Chmod(path, 0o700))
	left := filepath.Join(parent, ".a.tmp-ABCDEFGHJK")
	for _, name := range []string{left, filepath.Join(parent, ".b.tmp-ABCDEFGHJK")} {
		require.NoError(t, os.Mkdir(name, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(name, "file"), nil, 0o600))
	}
	require.NoError(t, Sweep(parent))
	assert.DirExists(t, left, "of no name that was given")
	require.EqualError(t, Folder(link, fill("half", errors.New("full"))), "full")
	assert.Equal(t, "old", text(t, filepath.Join(path, "file")))
	require.NoError(t, Folder(link, fill("new", nil)))
	assert.Equal(t, "new", text(t, filepath.Join(link, "file")))
	assert.Equal(t, fs.FileMode(0o700), mode(t, path))
	assert.ElementsMatch(t, []string{"a", ".b.tmp-ABCDEFGHJK"}, names(t, parent))
	assert.Error(t, Folder(filepath.Join(path, "file", "b"), fill("", nil)))
}

// A scratch file is whole and private, whatever it replaces.
func TestScratch(t *testing.T) {
	umask(t, 0)
	path := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	require.NoError(t, Scratch(path, []byte("new")))
	assert.Equal(t, "new", text(t, path))
	assert.Equal(t, fs.FileMode(0o600), mode(t, path))
	assert.Equal(t, []string{"a"}, names(t, filepath.Dir(path)))
	assert.ErrorContains(t, Scratch(filepath.Join(path, "b"), nil), path)
}
