// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/turns"
	"github.com/etude-ml/etude/torch/torchtest"
)

// module writes a small module and returns its folder.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.com/m\n\ngo 1.26\n"
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	return dir
}

// What `go test` really writes: tests that pass, fail, are skipped, panic, and do
// not compile.
func TestResultsOfGoTest(t *testing.T) {
	dir := module(t, map[string]string{
		"good/x_test.go": `package good
import ("os"; "testing")
func TestDevice(t *testing.T) { if os.Getenv("ETUDE_TEST_DEVICE") != "cuda:1" { t.Fatal("another device") } }
func TestSub(t *testing.T) { t.Run("a", func(t *testing.T) {}); t.Run("b", func(t *testing.T) { t.Skip("no second GPU") }) }
`,
		"bad/x_test.go": `package bad
import "testing"
func TestFine(t *testing.T) {}
func TestWorse(t *testing.T) { t.Run("in/side", func(t *testing.T) { t.Error("7 is not 8") }) }
`,
		"panics/x_test.go": `package panics
import "testing"
func TestPanics(t *testing.T) { panic("out of memory") }
`,
		"broken/x_test.go": `package broken
import "testing"
func TestNothing(t *testing.T) { undefined() }
`,
	})
	var finished []string
	r := runTests(t.Context(), dir, "cuda:1", []string{"./..."}, func(pkg string, _ float64) { finished = append(finished, pkg) })
	assert.Empty(t, r.Problem)
	assert.Equal(t, 4, r.Passed, "TestDevice, TestSub, TestSub/a, TestFine")
	assert.Equal(t, 3, r.Failed, "TestWorse, TestWorse/in/side, TestPanics")
	assert.Equal(t, map[string]int{"no second GPU": 1}, r.Reasons)
	assert.Equal(t, 1, r.Skipped)
	assert.False(t, r.OK())
	assert.ElementsMatch(t, []string{"example.com/m/good", "example.com/m/bad", "example.com/m/panics", "example.com/m/broken"}, finished)

	failures := map[string]string{}
	for _, f := range r.Failures {
		failures[strings.TrimPrefix(f.Package, "example.com/m/")+" "+f.Test] = f.Output
	}
	require.Len(t, failures, 3, "%v", failures)
	assert.Contains(t, failures["bad TestWorse/in/side"], "7 is not 8")
	assert.Contains(t, failures["panics TestPanics"], "out of memory")
	assert.Contains(t, failures["broken "], "undefined: undefined")

	r = runTests(t.Context(), dir, "cuda:1", []string{"./good"}, nil)
	assert.True(t, r.OK())
	assert.Equal(t, []string{"./good"}, r.Packages)
}

// A fault that no test has is one all the same.
func TestGoTestThatCannotRun(t *testing.T) {
	dir := module(t, map[string]string{"x_test.go": "package m\n"})
	r := runTests(t.Context(), dir, "cpu", []string{"./nowhere"}, nil)
	assert.False(t, r.OK())
	assert.NotEmpty(t, r.Problem+strings.Join(texts(r.Failures), ""))

	r = runTests(t.Context(), dir, "cpu", []string{"."}, nil)
	assert.False(t, r.OK(), "no test ran")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.False(t, func() bool { r := runTests(ctx, dir, "cpu", []string{"."}, nil); return r.OK() }())

	r = parseTests(t.Context(), strings.NewReader("no JSON at all\n{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"TestX\"}\nhalf a li"), nil)
	assert.Equal(t, 1, r.Passed)
}

// An interrupt ends the program of a test that runs, also one that does not heed it,
// and is no failure of that test.
func TestInterruptWhileATestRuns(t *testing.T) {
	interrupt(t, "")
	interrupt(t, "signal.Ignore(os.Interrupt)")
}

func interrupt(t *testing.T, first string) {
	t.Helper()
	dir := module(t, map[string]string{
		"x_test.go": `package m
import ("fmt"; "os"; "os/signal"; "testing"; "time")
var _ = signal.Ignore
func TestFine(t *testing.T) {}
func TestSlow(t *testing.T) {
	` + first + `
	if err := os.WriteFile("pid", fmt.Append(nil, os.Getpid()), 0o666); err != nil { t.Fatal(err) }
	time.Sleep(time.Minute)
}
`,
	})
	ctx, cancel := context.WithCancel(t.Context())
	var pid int
	go func() {
		defer cancel()
		for pid == 0 && t.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
			if text, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil {
				pid, _ = strconv.Atoi(string(text)) // 0 while it is written
			}
		}
	}()
	r := runTests(ctx, dir, "cpu", []string{"."}, nil)
	assert.Equal(t, turns.ErrInterrupted.Error(), r.Problem)
	assert.Equal(t, 1, r.Passed)
	assert.Zero(t, r.Failed)
	assert.Empty(t, r.Failures)
	require.NotZero(t, pid)
	assert.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, 10*time.Second, 10*time.Millisecond, "the test's program goes on")
}

// No package's tests of devices are forgotten.
func TestEveryTestOfADeviceIsRun(t *testing.T) {
	root := torchtest.Root(t)
	run := func(dir string) bool {
		return slices.ContainsFunc(Packages, func(p string) bool {
			below, all := strings.CutSuffix(p, "/...")
			return dir == below || all && strings.HasPrefix(dir, below+"/")
		})
	}
	found := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		dir, relErr := filepath.Rel(root, filepath.Dir(path))
		if regexp.MustCompile(`torchtest\.(Accelerator|SecondDevice)\(`).Match(text) {
			found++
			assert.True(t, run("./"+dir), "%s has tests of devices, and is not in Packages", dir)
		}
		return errors.Join(err, relErr)
	}))
	assert.Greater(t, found, 10)
}

func texts(failures []TestFailure) (all []string) {
	for _, f := range failures {
		all = append(all, f.Output)
	}
	return all
}
