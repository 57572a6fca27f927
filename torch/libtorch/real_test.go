// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/internal/ctorch/bridge"
)

// TestRealCompile compiles the real bridge with the real compiler against the
// libtorch that $ETUDE_TEST_LIBTORCH names, and loads it.
func TestRealCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for the compiler, and has nothing for the race detector")
	}
	given := os.Getenv("ETUDE_TEST_LIBTORCH")
	if given == "" {
		t.Skip("ETUDE_TEST_LIBTORCH names no libtorch")
	}
	path := os.Getenv("PATH")
	w := newWorld(t)
	t.Setenv("PATH", path)
	// As setup installs it, in the home. `.ci/run` also sets up one that lies elsewhere.
	require.NoError(t, os.MkdirAll(w.home, 0o777))
	require.NoError(t, os.Symlink(given, filepath.Join(w.home, wheelFolder(false))))
	// This test is not about ONNX Runtime, which is not downloaded.
	w.write(filepath.Join(w.home, onnxRuntimeFolder, onnxRuntimeFile), "library", 0o644)

	inst, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	s, err := newSearch("")
	require.NoError(t, err)
	found, err := probe(context.Background(), s.findProbe(), inst.Bridge)
	require.NoError(t, err)
	require.NoError(t, found.failure)
	assert.Equal(t, bridge.ABI, found.abi)

	// The libtorch that it was compiled for wins over any other.
	other := t.TempDir()
	w.write(filepath.Join(other, "libc10.so"), "another one", 0o644)
	t.Setenv("LD_LIBRARY_PATH", other)
	found, err = probe(context.Background(), s.findProbe(), inst.Bridge)
	require.NoError(t, err)
	require.NoError(t, found.failure)

	pretend, err := CompilePretend(context.Background(), inst)
	require.NoError(t, err)
	found, err = probe(context.Background(), s.findProbe(), inst.Bridge, pretend)
	require.NoError(t, err)
	require.NoError(t, found.failure)
	before := w.tree(w.home)
	again, err := CompilePretend(context.Background(), inst)
	require.NoError(t, err)
	assert.Equal(t, pretend, again)
	assert.Equal(t, before, w.tree(w.home))

	report := Doctor(context.Background())
	assert.True(t, report.OK())
	part := partOf(t, report, "ONNX Runtime")
	assert.Equal(t, StatusWarn, part.Status, "a text file is no library")
	assert.Contains(t, part.Problem, "does not load")

	// A libtorch in the home moves with it.
	moved := filepath.Join(t.TempDir(), "moved")
	require.NoError(t, os.Rename(w.home, moved))
	t.Setenv("ETUDE_HOME", moved)
	after, err := Locate()
	require.NoError(t, err)
	assert.Equal(t, filepath.Base(inst.Bridge), filepath.Base(after.Bridge))
	found, err = probe(context.Background(), probePath(moved), after.Bridge)
	require.NoError(t, err)
	assert.NoError(t, found.failure)
}

// TestRealPip lets the pip of this machine choose and check a wheel from a local folder.
func TestRealPip(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for pip, and has nothing for the race detector")
	}
	path := os.Getenv("PATH")
	w := newWorld(t)
	t.Setenv("PATH", path)
	temp := t.TempDir()
	p, err := findPip(context.Background(), temp)
	if err != nil {
		t.Skip(err)
	}
	links := t.TempDir()
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_FIND_LINKS", links)
	t.Setenv("PIP_USER", "1") // contradicts us; must not reach pip
	for _, tag := range []string{"cp311-cp311-manylinux_2_28_x86_64", "py3-none-manylinux_2_27_x86_64", "py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64", "py3-none-manylinux1_x86_64.manylinux_2_5_x86_64"} {
		name := filepath.Join(links, "etude_trial-1.0-"+tag+".whl")
		writeZip(t, name, map[string]string{
			"etude_trial-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: etude-trial\nVersion: 1.0\n",
			"etude_trial-1.0.dist-info/WHEEL":    "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: " + tag + "\n",
			"etude_trial-1.0.dist-info/RECORD":   "",
		})
		sum, err := exec.Command("sha256sum", name).Output()
		require.NoError(t, err)
		one := wheel{"etude-trial", "1.0", string(sum[:64]), 1}
		got, err := p.download(context.Background(), one, filepath.Join(t.TempDir(), "wheel"), temp, func(int64) {})
		require.NoError(t, err, tag)
		assert.Equal(t, filepath.Base(name), filepath.Base(got))

		one.sha256 = "00" + one.sha256[2:]
		_, err = p.download(context.Background(), one, filepath.Join(t.TempDir(), "wheel"), temp, func(int64) {})
		assert.ErrorContains(t, err, "its hash differs", tag)
		require.NoError(t, os.Remove(name))
	}
	assert.Empty(t, w.tree(w.home))
}

// TestNothingNamesTheUnused reads every library of the libtorch that setup
// installed: what it left out must be neither linked with nor opened by name.
func TestNothingNamesTheUnused(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads half a gigabyte, and has nothing for the race detector")
	}
	inst, err := Locate()
	if err != nil || inst.Origin != bySetup {
		t.Skip("no libtorch that setup installed: ", err)
	}
	read := 0
	err = filepath.WalkDir(filepath.Dir(inst.Libtorch), func(path string, d fs.DirEntry, err error) error {
		base, version, ok := strings.Cut(filepath.Base(path), ".so")
		// An installation by an older version still holds what is left out now.
		if err != nil || d.IsDir() || !ok || slices.Contains(unusedByCPU, base) {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range unused {
			assert.False(t, bytes.Contains(text, []byte(name)), "%s.so%s names %s", base, version, name)
		}
		read++
		return err
	})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, read, 4, "of torch/lib alone")
}
