// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package torchtest helps to test code that trains: it says why a test cannot
// run here, finds leaks, and stands in for an accelerator.
package torchtest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etude-ml/etude/torch"
)

// Need skips the test when libtorch cannot be loaded, saying why. With
// ETUDE_TEST_REQUIRE_LIBTORCH=1 it fails instead.
func Need(tb testing.TB) {
	tb.Helper()
	if err := torch.Init(); err != nil {
		skip(tb, "ETUDE_TEST_REQUIRE_LIBTORCH", err.Error())
	}
}

func skip(tb testing.TB, require, why string) {
	tb.Helper()
	if os.Getenv(require) == "1" {
		tb.Fatalf("%s (and %s=1 forbids to skip)", why, require)
	}
	tb.Skip(why)
}

// Root returns the folder of the module that the test belongs to.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}

// SharedData returns a path in the folder of real recordings and MIDI files beside
// the module, which is not part of it, and skips the test where it is absent.
func SharedData(tb testing.TB, parts ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{Root(tb), "..", "shared", "data"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("the real data in ../shared/data is not here: %v", err)
	}
	return path
}

// NoLeaks fails the test if more tensors or bytes are alive at its end than now. No
// other test may make tensors meanwhile, so it cannot be combined with t.Parallel.
func NoLeaks(tb testing.TB) {
	tb.Helper()
	Need(tb)
	before := settled()
	tb.Cleanup(func() {
		after := settled()
		// On a busy machine a cleanup can take longer than the counts look settled.
		for end := time.Now().Add(5 * time.Second); after != before && time.Now().Before(end); after = settled() {
			if after.Tensors <= before.Tensors && after.Bytes <= before.Bytes {
				break
			}
		}
		if after.Tensors > before.Tensors {
			tb.Errorf("%d tensors leaked", after.Tensors-before.Tensors)
		}
		if after.Bytes > before.Bytes {
			tb.Errorf("%d bytes of tensors leaked", after.Bytes-before.Bytes)
		}
	})
}

// settled collects garbage and returns the counts of live tensors. Cleanups run some
// time after a collection, so it waits until the counts no longer change.
func settled() torch.Counts {
	last := torch.Live()
	for still := 0; still < 3; {
		runtime.GC()
		time.Sleep(2 * time.Millisecond)
		now := torch.Live()
		if now.Tensors == last.Tensors && now.Bytes == last.Bytes {
			still++
		} else {
			still = 0
		}
		last = now
	}
	return last
}

// CollectGarbage runs the garbage collector again and again, until the test ends or
// the returned function is called. It shows whether Go frees memory that C++ still uses.
func CollectGarbage(tb testing.TB) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
				time.Sleep(time.Millisecond)
			}
		}
	})
	stop = sync.OnceFunc(func() {
		close(done)
		wg.Wait()
	})
	tb.Cleanup(stop)
	return stop
}

// ResidentKiB returns the process's resident memory.
func ResidentKiB(tb testing.TB) int {
	tb.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		_, rest, _ := strings.Cut(string(status), "VmRSS:")
		var n int
		if _, err = fmt.Sscan(rest, &n); err == nil {
			return n
		}
	}
	tb.Fatalf("no resident memory in /proc/self/status: %v", err)
	return 0
}
