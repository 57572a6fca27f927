// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Python returns an interpreter that can import torch: ETUDE_TEST_PYTHON. Without
// it the test is skipped, or fails with ETUDE_TEST_REQUIRE_PYTHON=1.
func Python(tb testing.TB) string {
	tb.Helper()
	python := os.Getenv("ETUDE_TEST_PYTHON")
	if python == "" {
		skip(tb, "ETUDE_TEST_REQUIRE_PYTHON", "ETUDE_TEST_PYTHON does not name a Python that can import torch")
	}
	return python
}

// RunPython runs a script with arguments and returns what it printed. It fails the test when
// the script fails. Scripts that import torch begin as forks of one process that has it, so
// that only the first of a test binary waits for that; they run one after the other.
func RunPython(tb testing.TB, script string, args ...string) []byte {
	tb.Helper()
	python := Python(tb)
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	scratch := tb.TempDir()
	stdout, stderr := filepath.Join(scratch, "stdout"), filepath.Join(scratch, "stderr")
	request, err := json.Marshal(map[string]any{
		"argv": append([]string{script}, args...), "dir": dir, "env": os.Environ(), "stdout": stdout, "stderr": stderr,
	})
	if err != nil {
		tb.Fatal(err)
	}
	code, err := forks.ask(python, string(request))
	if err != nil {
		tb.Fatal(err)
	}
	out, _ := os.ReadFile(stdout)
	if code != "0" {
		said, _ := os.ReadFile(stderr)
		tb.Fatalf("%s: exit code %s\n%s%s", script, code, out, said)
	}
	return out
}

//go:embed python.py
var pythonServer string

// forks is the process whose forks run scripts. It ends with its standard input, which is to
// say with the test binary.
var forks pythonProcess

type pythonProcess struct {
	mu      sync.Mutex
	in      io.Writer
	answers *bufio.Reader
}

// ask returns the answer to a line.
func (p *pythonProcess) ask(python, line string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers == nil {
		cmd := exec.Command(python, "-c", pythonServer)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			return "", err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return "", err
		}
		if err := cmd.Start(); err != nil {
			return "", err
		}
		p.in, p.answers = in, bufio.NewReader(out)
	}
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		return "", err
	}
	answer, err := p.answers.ReadString('\n')
	return strings.TrimSpace(answer), err
}
