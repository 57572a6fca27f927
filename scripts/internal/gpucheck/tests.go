// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Packages are those whose tests take a device.
var Packages = []string{"./torch/...", "./trainer", "./models", "./scripts/e2e", "./models/runs"}

// testLimit is how long the tests of one package may take.
const testLimit = "10m"

// TestsResult is what `go test` made of the unit tests on the device.
type TestsResult struct {
	Packages []string       `json:"packages"`
	Passed   int            `json:"passed"` // tests and subtests
	Failed   int            `json:"failed"`
	Skipped  int            `json:"skipped"`
	Failures []TestFailure  `json:"failures"`
	Reasons  map[string]int `json:"reasons"` // why tests were skipped, and how many
	Problem  string         `json:"problem,omitempty"`
}

// TestFailure is a test that failed, or a package that did for another reason.
type TestFailure struct {
	Package string `json:"package"`
	Test    string `json:"test,omitempty"`
	Output  string `json:"output"` // its end
}

// OK tells whether tests ran and none failed.
func (r *TestsResult) OK() bool {
	return r.Problem == "" && r.Failed == 0 && len(r.Failures) == 0 && r.Passed > 0
}

// runTests runs the tests of packages with a device in ETUDE_TEST_DEVICE.
func runTests(ctx context.Context, root, device string, packages []string, passed func(pkg string, seconds float64)) TestsResult {
	// Each package's program has a context on the GPU, of some hundred MB.
	parallel := strconv.Itoa(min(4, runtime.GOMAXPROCS(0)))
	args := append([]string{"test", "-json", "-count=1", "-short", "-timeout", testLimit, "-p", parallel}, packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "ETUDE_TEST_DEVICE="+device, "ETUDE_TEST_REQUIRE_DEVICE=1", "ETUDE_TEST_REQUIRE_LIBTORCH=1",
		"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=0") // it is 1 in NVIDIA's images, and then products are TF32's
	if strings.HasPrefix(device, "cuda") {
		cmd.Env = append(cmd.Env, "ETUDE_TEST_REQUIRE_CUDA=1")
	}
	// `go test` waits for the programs of its tests, so they are told, too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	var stderr tail
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return TestsResult{Packages: packages, Problem: "go test: " + err.Error()}
	}
	r := parseTests(ctx, out, passed)
	r.Packages = packages
	err = cmd.Wait()
	if ctx.Err() != nil { // what did not heed the first signal goes now
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	switch {
	case ctx.Err() != nil:
		r.Problem = errInterrupted.Error()
	case err != nil && r.Failed == 0 && len(r.Failures) == 0: // else the failures say it
		r.Problem = strings.TrimSpace(fmt.Sprintf("go test: %v %s", err, stderr))
	}
	return r
}

// testEvent is a line of `go test -json`.
type testEvent struct {
	Action, Package, Test, Output, ImportPath, FailedBuild string
	Elapsed                                                float64
}

// parseTests reads the events of `go test -json`. Lines that are none are ignored, and
// so is what fails once ctx has ended: it was cut off.
func parseTests(ctx context.Context, out io.Reader, finished func(pkg string, seconds float64)) TestsResult {
	r := TestsResult{Failures: []TestFailure{}, Reasons: map[string]int{}}
	p := testParser{r: &r, output: map[string]*tail{}, failed: map[string]bool{}}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		var e testEvent
		if json.Unmarshal(line, &e) == nil && (e.Action != "fail" || ctx.Err() == nil) {
			p.event(e)
			if e.Test == "" && finished != nil && (e.Action == "pass" || e.Action == "fail") {
				finished(e.Package, e.Elapsed)
			}
		}
		if err != nil {
			return r
		}
	}
}

// testParser is what is known so far.
type testParser struct {
	r      *TestsResult
	output map[string]*tail // by package and test, or by what is built
	failed map[string]bool  // tests, their parents, and packages of which one failed
}

func (p *testParser) event(e testEvent) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		p.keep(key, e.Output)
	case "build-output":
		p.keep(e.ImportPath, e.Output)
	case "pass":
		if e.Test != "" {
			p.r.Passed++
		}
		delete(p.output, key)
	case "skip":
		if e.Test != "" {
			p.r.Skipped++
			p.r.Reasons[p.reason(key)]++
		}
	case "fail":
		if e.Test != "" {
			p.r.Failed++
		}
		if !p.failed[key] { // of a test and its subtests, the innermost tells
			from := key
			if e.FailedBuild != "" {
				from = e.FailedBuild
			}
			p.r.Failures = append(p.r.Failures, TestFailure{e.Package, e.Test, p.text(from)})
		}
		if e.Test != "" {
			p.failed[e.Package+" "] = true
			for test := e.Test; strings.Contains(test, "/"); {
				test = test[:strings.LastIndexByte(test, '/')]
				p.failed[e.Package+" "+test] = true
			}
		}
	}
}

func (p *testParser) keep(key, text string) {
	if p.output[key] == nil {
		p.output[key] = new(tail)
	}
	_, _ = p.output[key].Write([]byte(text)) // it never fails
}

func (p *testParser) text(key string) string {
	if t := p.output[key]; t != nil {
		return strings.TrimSpace(string(*t))
	}
	return ""
}

// reason is what a skipped test said: "    x_test.go:12: no Python".
func (p *testParser) reason(key string) string {
	for _, line := range slices.Backward(strings.Split(p.text(key), "\n")) {
		if _, rest, ok := strings.Cut(line, ".go:"); ok {
			if _, why, ok := strings.Cut(rest, ": "); ok {
				return why
			}
		}
	}
	return "no reason given"
}

// tail keeps the end of what is written to it.
type tail []byte

func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	*t = (*t)[max(0, len(*t)-4000):]
	return len(b), nil
}
