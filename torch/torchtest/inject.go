// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build linux && amd64

package torchtest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

//go:embed testdata/inject.c
var injectSource []byte

// Injector disturbs a command at a chosen system call that writes below a folder.
type Injector struct{ path string }

// Faults are the ways to disturb a call: kills, and the numbers of ENOSPC and EIO.
var Faults = []string{"before", "after", "28", "5"}

// NewInjector compiles it; the test is skipped where processes cannot be traced.
func NewInjector(tb testing.TB) Injector {
	tb.Helper()
	dir := tb.TempDir()
	source, path := filepath.Join(dir, "inject.c"), filepath.Join(dir, "inject")
	if err := os.WriteFile(source, injectSource, 0o600); err != nil {
		tb.Fatal(err)
	}
	if out, err := exec.Command("cc", "-O1", "-o", path, source).CombinedOutput(); err != nil {
		tb.Fatalf("%v: %s", err, out)
	}
	i := Injector{path}
	probe := filepath.Join(dir, "probe")
	if n, _, err := i.Run("before", 0, dir, nil, "/bin/sh", "-c", "echo x > "+probe); err != nil || n < 2 {
		tb.Skipf("processes cannot be traced here: %d calls seen: %v", n, err)
	}
	return i
}

// Run runs a command with a fault at its n-th call that changes something below
// folder, 0 for none. It returns how many such calls there were, and the command's
// output and error.
func (i Injector) Run(how string, n int, folder string, env []string, command ...string) (calls int, output string, err error) {
	c := exec.Command(i.path, append([]string{how, strconv.Itoa(n), folder}, command...)...)
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	text := string(out)
	at := strings.LastIndex(text, "\ninject: ")
	if at < 0 {
		return 0, text, fmt.Errorf("the injector printed nothing: %w", err)
	}
	if _, e := fmt.Sscanf(text[at:], "\ninject: %d calls", &calls); e != nil {
		return 0, text, e
	}
	return calls, text, err
}
