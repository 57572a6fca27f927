// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// complete makes $ETUDE_HOME complete, and leaves another libtorch in the cache in
// each of the ways in which it can be there.
func (w *world) completeBesideCache(kind string) *Installation {
	inst, err := Setup(context.Background(), Options{})
	require.NoError(w.t, err)
	cache := filepath.Join(w.cache, "etude")
	switch kind {
	case "record":
		w.write(filepath.Join(cache, recordFile), `{"libtorch": "`+w.libtorch("2.14.0")+`"}`, 0o644)
	case "record of nothing":
		w.write(filepath.Join(cache, recordFile), `{"libtorch": "/nonexistent"}`, 0o644)
	case "FIFO":
		require.NoError(w.t, os.MkdirAll(cache, 0o755))
		require.NoError(w.t, unix.Mkfifo(filepath.Join(cache, recordFile), 0o644))
	case "CUDA":
		for name, text := range torchFiles("2.15.0+cu132") {
			w.write(filepath.Join(cache, wheelFolder(true), "torch", name), text, 0o644)
		}
	}
	return inst
}

// TestFirstHomeWins leaves in the user's cache what must not take the place of a
// complete $ETUDE_HOME.
func TestFirstHomeWins(t *testing.T) {
	for _, kind := range []string{"record", "record of nothing", "FIFO", "CUDA"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			inst := w.completeBesideCache(kind)
			found, err := Locate()
			require.NoError(t, err)
			assert.Equal(t, inst, found)
			assert.True(t, Doctor(context.Background()).OK())

			// What is asked for now, and would be passed over later, is refused.
			require.NoError(t, os.Chmod(w.home, 0o555))
			t.Cleanup(func() { _ = os.Chmod(w.home, 0o755) })
			if os.Geteuid() == 0 {
				return // root may write everywhere
			}
			_, err = Setup(context.Background(), Options{Libtorch: w.libtorch("2.13.0")})
			assert.ErrorContains(t, err, "comes before")
		})
	}
}

// TestOneHomeNamedTwice names the folder in the user's cache with another spelling.
func TestOneHomeNamedTwice(t *testing.T) {
	w := newWorld(t)
	t.Setenv("ETUDE_HOME", filepath.Join(w.cache, "etude")+"/")
	s, err := newSearch("")
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(w.cache, "etude")}, s.homes)
}

// TestShadowed asks for a libtorch where an earlier home that cannot be written has one.
func TestShadowed(t *testing.T) {
	w := newWorld(t)
	w.completeBesideCache("")
	s, err := newSearch("")
	require.NoError(t, err)
	other := filepath.Join(w.cache, "etude")
	run := &setup{search: s, home: other}
	assert.ErrorContains(t, run.shadowed(), w.home+" has a libtorch already, comes before "+other)
	run.home = w.home
	assert.NoError(t, run.shadowed())
}

// TestCacheOfOthers makes the cache folder one that libraries must not be opened from.
func TestCacheOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(dir string) error
		want    string // in the reason; "" if it is used
	}{
		"own":                 {func(string) error { return nil }, ""},
		"group's":             {func(dir string) error { return os.Chmod(dir, 0o775) }, ""},
		"everyone's":          {func(dir string) error { return os.Chmod(dir, 0o777) }, "may be written by other users"},
		"sticky":              {func(dir string) error { return os.Chmod(dir, 0o777|os.ModeSticky) }, "may be written by other users"},
		"another user's":      {func(dir string) error { return os.Chown(dir, 4321, 4321) }, "belongs to another user (4321)"},
		"another group's":     {func(dir string) error { _ = os.Chmod(dir, 0o775); return os.Chown(dir, -1, 4321) }, "may be written by other users"},
		"another's link":      {func(dir string) error { return linked(dir, 4321) }, "belongs to another user (4321)"},
		"a link of one's own": {func(dir string) error { return linked(dir, os.Geteuid()) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			inst, err := Setup(context.Background(), Options{})
			require.NoError(t, err)
			cache := filepath.Join(w.cache, "etude")
			require.NoError(t, os.MkdirAll(w.cache, 0o755))
			require.NoError(t, os.Rename(w.home, cache))
			t.Setenv("ETUDE_HOME", "")
			if err := c.prepare(cache); err != nil {
				t.Skip("only root can give files away: ", err)
			}
			found, err := Locate()
			if c.want == "" {
				require.NoError(t, err)
				assert.Equal(t, filepath.Base(inst.Bridge), filepath.Base(found.Bridge))
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "ETUDE_HOME")
			_, err = Setup(context.Background(), Options{})
			require.ErrorContains(t, err, c.want, "nor is anything written there")

			// If ETUDE_HOME names another folder, the cache is ignored, and doctor reports it.
			t.Setenv("ETUDE_HOME", w.home)
			_, err = Locate()
			require.ErrorIs(t, err, ErrNotInstalled)
			assert.Contains(t, partOf(t, Doctor(context.Background()), "home").Found, c.want)
		})
	}
}

func linked(dir string, owner int) error {
	if err := os.Rename(dir, dir+"-behind"); err != nil {
		return err
	}
	if err := os.Symlink(dir+"-behind", dir); err != nil {
		return err
	}
	return os.Lchown(dir, owner, -1)
}

// TestCacheThatCannotBeEntered has a complete $ETUDE_HOME beside it.
func TestCacheThatCannotBeEntered(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may enter every folder")
	}
	w := newWorld(t)
	inst := w.completeBesideCache("")
	require.NoError(t, os.MkdirAll(filepath.Join(w.cache, "etude"), 0o755))
	require.NoError(t, os.Chmod(w.cache, 0))
	t.Cleanup(func() { _ = os.Chmod(w.cache, 0o755) })
	found, err := Locate()
	require.NoError(t, err)
	assert.Equal(t, inst, found)
}

// TestLibrariesThatAllMayWrite are compiled anew, and no umask makes such ones.
func TestLibrariesThatAllMayWrite(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	w := newWorld(t)
	inst, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	s, err := newSearch("")
	require.NoError(t, err)
	for _, path := range []string{inst.Bridge, s.findProbe(), filepath.Dir(inst.Bridge)} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o022, "%s: %v", path, info.Mode())
	}
	require.NoError(t, os.Chmod(inst.Bridge, 0o777))
	_, err = Locate()
	require.ErrorIs(t, err, ErrNotInstalled)
	compiled := len(w.log("g++"))
	again, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	assert.Equal(t, inst, again)
	assert.Greater(t, len(w.log("g++")), compiled)
}

// TestDoctorRunsNobodysPip puts a module called pip where other users may put one.
func TestDoctorRunsNobodysPip(t *testing.T) {
	found, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Skip(err)
	}
	python := strings.TrimSpace(string(found))
	w := newWorld(t)
	shared := t.TempDir()
	t.Setenv("TMPDIR", shared)
	ran := filepath.Join(shared, "ran")
	w.write(filepath.Join(shared, "pip", "__init__.py"), "", 0o644)
	w.write(filepath.Join(shared, "pip", "__main__.py"), "open("+`"`+ran+`"`+", 'w').close(); print('pip 99.0')\n", 0o644)
	w.script("python3", "exec "+python+` "$@"`)
	Doctor(context.Background())
	assert.NoFileExists(t, ran)

	// The attack itself works, so the test can fail.
	cmd := exec.Command(python, "-m", "pip", "--version")
	cmd.Dir = shared
	require.NoError(t, cmd.Run())
	assert.FileExists(t, ran)
}

// TestSetupMakesAnewWhatDoesNotLoad damages one file after the other.
func TestSetupMakesAnewWhatDoesNotLoad(t *testing.T) {
	w := newWorld(t)
	inst, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	s, err := newSearch("")
	require.NoError(t, err)
	// The stand-in for the prober says "error" of a file that holds the word damaged.
	prober := "#!/bin/sh\nfor f; do read -r l <$f; case $l in damaged*) printf 'error %s\\tinvalid ELF header\\n' $f; exit 1;; esac; echo \"ok $f\"; done\necho abi 2\necho onnxruntime 1.32.0\n"
	for name, c := range map[string]struct{ path, log string }{
		"libtorch":     {filepath.Join(inst.Libtorch, "lib/libtorch_cpu.so"), "wheel torch"},
		"bridge":       {inst.Bridge, "g++"},
		"ONNX Runtime": {inst.ONNXRuntime, "wheel onnxruntime"},
	} {
		t.Run(name, func(t *testing.T) {
			w.write(s.findProbe(), prober, 0o755)
			before := len(w.log("g++"))
			_, err := Setup(context.Background(), Options{})
			require.NoError(t, err)
			assert.Len(t, w.log("g++"), before, "all is in order")
			wheels := len(w.log("wheel"))
			w.write(c.path, "damaged", 0o755)
			_, err = Setup(context.Background(), Options{})
			require.NoError(t, err)
			text, err := os.ReadFile(c.path)
			require.NoError(t, err)
			assert.NotEqual(t, "damaged", string(text))
			switch name {
			case "libtorch":
				assert.Len(t, w.log("wheel"), wheels+len(cpuWheels))
			case "bridge":
				assert.Len(t, w.log("wheel"), wheels, "nothing is downloaded")
			case "ONNX Runtime":
				assert.Len(t, w.log("wheel"), wheels+1)
			}
		})
	}
	// A prober that does not run costs a compilation, and no download.
	wheels := len(w.log("wheel"))
	w.write(s.findProbe(), "#!/bin/sh\nexit 1\n", 0o755)
	_, err = Setup(context.Background(), Options{})
	require.NoError(t, err)
	assert.Len(t, w.log("wheel"), wheels)

	// A libtorch of the user's is never replaced.
	site := w.libtorch("2.15.0")
	_, err = Setup(context.Background(), Options{Libtorch: site})
	require.NoError(t, err)
	w.write(s.findProbe(), prober, 0o755)
	w.write(filepath.Join(site, "torch/lib/libtorch_cpu.so"), "damaged", 0o644)
	_, err = Setup(context.Background(), Options{})
	assert.ErrorContains(t, err, site)
	assert.ErrorContains(t, err, "does not load")
}

// TestCutShort cuts a library of the system's, as a full disk or a broken copy does.
func TestCutShort(t *testing.T) {
	text := cxx11Library()
	path := filepath.Join(t.TempDir(), "lib.so")
	for _, n := range []int{len(text), len(text) / 2, 1000, 64, 3} {
		require.NoError(t, os.WriteFile(path, []byte(text[:n]), 0o644))
		err := whole(path)
		if n == len(text) || n < 4 {
			assert.NoError(t, err, n)
		} else {
			assert.ErrorContains(t, err, "cut short", n)
		}
	}
}

// TestLockOfAHome is about a home that several users share, and about odd files.
func TestLockOfAHome(t *testing.T) {
	w := newWorld(t)
	_, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(w.home, "lock"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode().Perm())
	require.NoError(t, os.Remove(filepath.Join(w.home, "lock")))
	require.NoError(t, unix.Mkfifo(filepath.Join(w.home, "lock"), 0o644))
	_, err = Setup(context.Background(), Options{Force: true})
	assert.ErrorContains(t, err, "lock is not a regular file")
}

// TestOddNames puts the home and the user's libtorch where patterns and lists of
// paths would be misread.
func TestOddNames(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a[b]*", `back\slash`, "co:lon", "$LIB", "com,ma sp ace"} {
		home := filepath.Join(t.TempDir(), name)
		t.Setenv("ETUDE_HOME", home)
		_, err := Setup(context.Background(), Options{})
		require.NoError(t, err, name)
	}
	for _, name := range []string{"co:lon", "$LIB"} {
		site := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Rename(w.libtorch("2.15.0"), site))
		_, err := Setup(context.Background(), Options{Libtorch: site})
		require.ErrorContains(t, err, "with ':' or '$'", name)
		assert.ErrorContains(t, err, "make a link")
	}
}

// TestWrongCauses has errors that once named another cause.
func TestWrongCauses(t *testing.T) {
	w := newWorld(t)
	t.Setenv("TMPDIR", filepath.Join(w.state, "missing"))
	report := Doctor(context.Background())
	for _, name := range []string{"compiler", "pip"} {
		assert.Contains(t, partOf(t, report, name).Problem, "TMPDIR", name)
		assert.NotContains(t, partOf(t, report, name).Mend, "apt-get", name)
	}

	t.Setenv("ETUDE_HOME", "")
	t.Setenv("XDG_CACHE_HOME", "relative")
	_, err := Setup(context.Background(), Options{})
	assert.ErrorContains(t, err, `XDG_CACHE_HOME is "relative", and must be an absolute path`)

	dangling := filepath.Join(w.state, "dangling")
	require.NoError(t, os.Symlink("/nonexistent/etude", dangling))
	t.Setenv("ETUDE_HOME", dangling)
	_, err = Setup(context.Background(), Options{})
	assert.ErrorContains(t, err, dangling+": it is a link to /nonexistent/etude, which does not exist")
}

func TestFullDiskIsNoMissingCompiler(t *testing.T) {
	w := newWorld(t)
	w.script("g++", `[ "$1" = --version ] && echo "g++ (fake) 12.2" && exit; echo "fatal error: error writing to /x.s: No space left on device"; exit 1`)
	_, err := Setup(context.Background(), Options{})
	require.ErrorContains(t, err, "no space left on device")
	assert.ErrorContains(t, err, "make room")
	assert.NotContains(t, err.Error(), "apt-get")
}

func TestNoexec(t *testing.T) {
	newWorld(t)
	prober := filepath.Join(t.TempDir(), "probe")
	require.NoError(t, os.WriteFile(prober, []byte("#!/bin/sh\n"), 0o755))
	denied := &os.PathError{Op: "fork/exec", Path: prober, Err: syscall.EACCES} // as the kernel answers there
	err := cannotRun(prober, denied)
	assert.ErrorContains(t, err, "noexec")
	require.NotErrorIs(t, err, os.ErrPermission, "the user's rights are not the cause")
}

// TestCompilerDiesWithSetup kills a setup while its compiler's child works.
func TestCompilerDiesWithSetup(t *testing.T) {
	w := newWorld(t)
	// A compiler that starts another program, as g++ starts cc1plus.
	w.script("g++", `[ "$1" = --version ] && echo "g++ (fake) 12.2" && exit; /bin/sh -c 'echo $$ >$STATE/part; /bin/mv $STATE/part $STATE/pid; exec /bin/sleep 600'; exit 1`)
	victim := exec.Command(os.Args[0], "-test.run=^TestSetupVictim$")
	victim.Env = append(os.Environ(), "ETUDE_TEST_VICTIM=1")
	require.NoError(t, victim.Start())
	pid := w.pipProcess()
	time.Sleep(50 * time.Millisecond) // the child is the sleep now
	require.NoError(t, victim.Process.Kill())
	require.Error(t, victim.Wait())
	w.gone(pid)
}

// TestONNXRuntimeThatIsTooOld stands in for a library that loads.
func TestONNXRuntimeThatIsTooOld(t *testing.T) {
	w := newWorld(t)
	_, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	s, err := newSearch("")
	require.NoError(t, err)
	other := filepath.Join(w.state, "libonnxruntime.so")
	w.write(other, "library", 0o644)
	t.Setenv("ETUDE_ONNXRUNTIME", other)
	assert.Equal(t, StatusOK, partOf(t, Doctor(context.Background()), "ONNX Runtime").Status)
	assert.Equal(t, other, partOf(t, Doctor(context.Background()), "ONNX Runtime").Found)
	for says, want := range map[string]string{"onnxruntime 1.20.1": "1.20.1 is too old", "onnxruntime 1.23.0": "1.24 or later", "nothing": "is too old"} {
		w.write(s.findProbe(), "#!/bin/sh\nfor f; do echo \"ok $f\"; done\necho abi 2\necho "+says+"\n", 0o755)
		part := partOf(t, Doctor(context.Background()), "ONNX Runtime")
		assert.Equal(t, StatusWarn, part.Status)
		assert.Contains(t, part.Problem, want)
		assert.Equal(t, "unset ETUDE_ONNXRUNTIME", part.Mend)
	}
}
