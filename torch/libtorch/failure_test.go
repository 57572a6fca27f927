// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSetupFailures(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*world)
		want    []string // in the error's text
		wheels  int      // downloads begun
	}{
		{"pip and compiler missing", func(w *world) {
			require.NoError(w.t, os.Remove(filepath.Join(w.bin, "python3")))
			require.NoError(w.t, os.Remove(filepath.Join(w.bin, "g++")))
		}, []string{"apt-get install -y python3-pip", "apt-get install -y g++"}, 0},
		{"Python without pip", func(w *world) { w.script("python3", "echo '/usr/bin/python3: No module named pip'; exit 1") },
			[]string{"apt-get install -y python3-pip"}, 0},
		{"pip too old", func(w *world) { w.script("python3", "echo 'pip 20.2.4 from here (python 3.8)'") },
			[]string{"version 20.2", "`python3 -m pip install --upgrade pip`"}, 0},
		{"compiler too old", func(w *world) {
			w.script("g++", `[ "$1" = --version ] && echo "g++ (fake) 7.5" && exit; echo "g++: error: unrecognized command line option '-std=c++20'"; exit 1`)
		}, []string{"g++ (fake) 7.5", "unrecognized", "apt-get install -y g++"}, 0},
		{"CXX names nothing", func(w *world) { w.t.Setenv("CXX", "no-such-compiler -O1") },
			[]string{"$CXX names no-such-compiler"}, 0},
		{"wrong hash", func(w *world) {
			w.tell("pip", `echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."; exit 1`)
		}, []string{"torch 2.15.0", "hash", "pip config list"}, 1},
		{"no network", func(w *world) {
			w.tell("pip", `echo "WARNING: Retrying after connection broken by 'NewConnectionError(...)'"; echo "ERROR: No matching distribution found for torch==2.15.0"; exit 1`)
		}, []string{"cannot reach", "ETUDE_LIBTORCH"}, 1},
		{"index without torch", func(w *world) {
			w.tell("pip", `echo "ERROR: No matching distribution found for torch==2.15.0"; exit 1`)
		}, []string{"does not have it", "pip config list"}, 1},
		{"disk full", func(w *world) {
			w.tell("pip", `echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"; exit 1`)
		}, []string{"disk is full", "ETUDE_HOME"}, 1},
		{"download breaks off each time", func(w *world) {
			w.tell("pip", `echo "urllib3.exceptions.IncompleteRead: IncompleteRead(1 bytes read)"; exit 1`)
		}, []string{"broke off 3 times", "run setup again"}, 3},
		{"wheel is no archive", func(w *world) { w.tell("torch.whl", "<html>please log in</html>") },
			[]string{"torch.whl", "zip"}, 1},
		{"wheel is damaged", func(w *world) {
			path := filepath.Join(w.state, "torch.whl")
			text, err := os.ReadFile(path)
			require.NoError(w.t, err)
			damaged := bytes.Replace(text, []byte("ATen.hheader"), []byte("ATen.hhEader"), 1)
			require.NotEqual(w.t, text, damaged)
			require.NoError(w.t, os.WriteFile(path, damaged, 0o644))
		}, []string{"torch.whl", "checksum"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.prepare(w)
			_, err := Setup(context.Background(), Options{})
			require.Error(t, err)
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
			assert.Len(t, w.log("wheel"), c.wheels)
			assert.Empty(t, w.halfMade())
		})
	}
}

func TestSetupCompileError(t *testing.T) {
	w := newWorld(t)
	w.tell("fail", "tensor.cpp")
	_, err := Setup(context.Background(), Options{})
	require.ErrorContains(t, err, "tensor.cpp:7:1: error: boom")
	libraries, err := filepath.Glob(filepath.Join(w.home, "bridge/*"))
	require.NoError(t, err)
	assert.Empty(t, libraries)
	assert.NoDirExists(t, filepath.Join(w.home, "tmp"))

	// The next one keeps what was installed.
	require.NoError(t, os.Remove(filepath.Join(w.state, "fail")))
	_, err = Setup(context.Background(), Options{})
	require.NoError(t, err)
	assert.Len(t, w.log("wheel"), 4)
}

func TestSetupDownloadBreaksOffOnce(t *testing.T) {
	w := newWorld(t)
	w.tell("pip", `[ -e $STATE/once ] || { echo >$STATE/once; echo "IncompleteRead(1 bytes read)"; exit 1; }`)
	_, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	assert.Len(t, w.log("wheel"), 5)
}

func TestSetupWithoutONNXRuntime(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.Remove(filepath.Join(w.bin, "python3")))
	t.Setenv("ETUDE_LIBTORCH", w.libtorch("2.15.0"))
	inst, err := Setup(context.Background(), Options{})
	require.ErrorIs(t, err, ErrNoONNXRuntime)
	assert.ErrorContains(t, err, "apt-get install -y python3-pip")
	found, err := Locate()
	require.NoError(t, err)
	assert.Equal(t, inst, found)
	_, err = LocateONNXRuntime()
	require.ErrorIs(t, err, ErrNotInstalled)
	report := Doctor(context.Background())
	assert.True(t, report.OK())
	assert.Equal(t, StatusWarn, partOf(t, report, "ONNX Runtime").Status)
	assert.Contains(t, partOf(t, report, "pip").Mend, "apt-get install -y python3-pip")
}

// hang makes pip leave its process id and a part of a wheel, and then hang.
const hang = `echo part >$TMPDIR/torch.whl; echo $$ >$STATE/part; /bin/mv $STATE/part $STATE/pid; exec /bin/sleep 600`

// pipProcess waits until pip hangs and returns its process id.
func (w *world) pipProcess() int {
	path := filepath.Join(w.state, "pid")
	require.Eventually(w.t, func() bool { return isFile(path) }, time.Minute, 10*time.Millisecond)
	text, err := os.ReadFile(path)
	require.NoError(w.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(w.t, err)
	return pid
}

// gone waits until a process has ended; one that nobody waited for counts.
func (w *world) gone(pid int) {
	require.Eventually(w.t, func() bool {
		if syscall.Kill(pid, 0) != nil {
			return true
		}
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, time.Minute, 10*time.Millisecond, "process %d lives", pid)
}

func TestSetupCancelled(t *testing.T) {
	w := newWorld(t)
	w.tell("pip", hang)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := Setup(ctx, Options{})
		ended <- err
	}()
	pid := w.pipProcess()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	w.gone(pid)
	assert.Empty(t, w.halfMade())
}

func TestSetupCancelledWhileWaiting(t *testing.T) {
	w := newWorld(t)
	w.tell("pip", hang)
	first, stopFirst := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := Setup(first, Options{})
		ended <- err
	}()
	w.pipProcess()
	second, stopSecond := context.WithCancel(context.Background())
	_, err := Setup(second, Options{Progress: func(e Event) {
		if e.Stage == StageWait {
			stopSecond()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	stopFirst()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// TestSetupKilled kills a process in the middle of a download, with the signal
// that cannot be caught.
func TestSetupKilled(t *testing.T) {
	w := newWorld(t)
	w.tell("pip", hang)
	victim := exec.Command(os.Args[0], "-test.run=^TestSetupVictim$")
	victim.Env = append(os.Environ(), "ETUDE_TEST_VICTIM=1")
	require.NoError(t, victim.Start())
	pid := w.pipProcess()
	require.NoError(t, victim.Process.Kill())
	require.Error(t, victim.Wait())
	w.gone(pid)

	_, err := Locate()
	require.ErrorIs(t, err, ErrNotInstalled, "nothing half-made is found")
	left, err := filepath.Glob(filepath.Join(w.home, "tmp/*"))
	require.NoError(t, err)
	require.NotEmpty(t, left, "the test is about what a killed setup leaves")

	require.NoError(t, os.Remove(filepath.Join(w.state, "pip")))
	_, err = Setup(context.Background(), Options{})
	require.NoError(t, err)
	assert.NoDirExists(t, filepath.Join(w.home, "tmp"))
}

func TestSetupVictim(t *testing.T) {
	if os.Getenv("ETUDE_TEST_VICTIM") == "" {
		t.Skip("a part of TestSetupKilled")
	}
	_, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
}

func TestCheckSpace(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, checkSpace(dir, 1))
	err := checkSpace(dir, 1<<62)
	require.ErrorContains(t, err, "ETUDE_HOME")
	require.ErrorContains(t, err, "GB free")
}

func TestUnpackRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.whl")
	for _, name := range []string{"../escape", "/absolute", "a/../../escape"} {
		writeZip(t, path, map[string]string{name: "text"})
		all := func(name string) (string, bool) { return name, true }
		err := unpack(context.Background(), path, t.TempDir(), all, func(int64, int64) {})
		assert.ErrorContains(t, err, "refused", name)
	}
}
