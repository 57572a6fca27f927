// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestMain lets the tests run this program again as a process that may die.
func TestMain(m *testing.M) {
	path := os.Getenv("ETUDE_PT_TEST_SAVE")
	if path == "" {
		torchtest.Main(m)
		return
	}
	// With a limit, the file system looks full beyond it.
	if limit, err := strconv.ParseUint(os.Getenv("ETUDE_PT_TEST_LIMIT"), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			panic(err)
		}
		if err := Save(path, torch.NewDict("n", 2, "w", torch.Ones([]int{1 << 20}))); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(3)
		}
		os.Exit(0)
	}
	for n := 0; ; n++ { // until killed
		if err := Save(path, torch.NewDict("n", n, "w", torch.Full([]int{1 << 18}, float64(n)))); err != nil {
			panic(err)
		}
		if n == 0 {
			os.Stdout.WriteString("saved\n")
		}
	}
}

func child(path string, env ...string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), "ETUDE_PT_TEST_SAVE="+path), env...)
	return c
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A full disk half-way leaves the old file whole and nothing else.
func TestFullDisk(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "last.pt")
	require.NoError(t, Save(path, torch.NewDict("n", 1)))
	c := child(path, "ETUDE_PT_TEST_LIMIT=1000000")
	var stderr strings.Builder
	c.Stderr = &stderr
	err := c.Run()
	require.Error(t, err)
	require.Equal(t, 3, c.ProcessState.ExitCode(), stderr.String())
	assert.Contains(t, stderr.String(), "pt: cannot save "+path+": elements of storage 0: ")
	assert.Contains(t, stderr.String(), "file too large")
	d, err := LoadDict(path)
	require.NoError(t, err)
	n, _ := d.Get("n")
	assert.Equal(t, 1, n)
	assert.Equal(t, []string{"last.pt"}, names(t, dir))
}

// Whenever the process is killed, the file is a whole one, and where there are
// files without a name, it is alone (but in the instant between name and rename).
func TestKilled(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "last.pt")
	random := rand.New(rand.NewPCG(1, 2))
	leftovers := 0
	for range 10 {
		c := child(path)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		_, err = io.ReadFull(out, make([]byte, len("saved\n")))
		require.NoError(t, err)
		time.Sleep(time.Duration(random.IntN(20_000)) * time.Microsecond)
		require.NoError(t, c.Process.Kill())
		_ = c.Wait()

		d, err := LoadDict(path)
		require.NoError(t, err)
		n, err := torch.Value[int](d, "n")
		require.NoError(t, err)
		w, err := torch.Value[*torch.Tensor](d, "w")
		require.NoError(t, err)
		require.True(t, w.Equal(torch.Full([]int{1 << 18}, float64(n))))
		for _, name := range names(t, dir) {
			if name != "last.pt" {
				require.True(t, strings.HasPrefix(name, ".last.pt.tmp-"), name)
				require.NoError(t, os.Remove(filepath.Join(dir, name)))
				leftovers++
			}
		}
	}
	t.Logf("%d leftovers in 10 kills", leftovers)
}

func TestPermissions(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	f, err := os.Create(other)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode()
	}
	path := filepath.Join(dir, "a.pt")
	require.NoError(t, Save(path, 1))
	assert.Equal(t, mode(other), mode(path), "as os.Create makes them")
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, Save(path, 2))
	assert.Equal(t, os.FileMode(0o640), mode(path), "kept")
}

func TestLinksAreFollowed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "real"), 0o777))
	path := filepath.Join(dir, "link.pt")
	require.NoError(t, os.Symlink("middle", path))
	require.NoError(t, os.Symlink(filepath.Join(dir, "real", "a.pt"), filepath.Join(dir, "middle")))
	for n := range 2 { // first the target is missing
		require.NoError(t, Save(path, n))
		v, err := Load(filepath.Join(dir, "real", "a.pt"))
		require.NoError(t, err)
		assert.Equal(t, n, v)
	}
	link, err := os.Readlink(path)
	require.NoError(t, err)
	assert.Equal(t, "middle", link)
	assert.Equal(t, []string{"a.pt"}, names(t, filepath.Join(dir, "real")))

	loop := filepath.Join(dir, "loop.pt")
	require.NoError(t, os.Symlink("loop.pt", loop))
	assert.EqualError(t, Save(loop, 1), "pt: cannot save "+loop+": too many symbolic links")
}

func TestBadPlaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "no", "a.pt")
	assert.ErrorContains(t, Save(path, 1), "pt: cannot save "+path+": its folder "+filepath.Dir(path)+" does not exist; create it first")
	assert.EqualError(t, Save(dir, 1), "pt: cannot save "+dir+": it exists and is not a regular file")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	assert.ErrorIs(t, Save(filepath.Join(file, "a.pt"), 1), syscall.ENOTDIR)
	assert.Error(t, Save("", 1))
	long := filepath.Join(dir, strings.Repeat("x", 252)+".pt")
	require.NoError(t, Save(long, 1))
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(dir, 0o555))
		assert.ErrorIs(t, Save(filepath.Join(dir, "b.pt"), 1), os.ErrPermission)
		require.NoError(t, os.Chmod(dir, 0o777))
	}
}
