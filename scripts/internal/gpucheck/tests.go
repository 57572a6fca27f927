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
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/etude-ml/etude/scripts/internal/pystep"
)

// Packages lists the packages whose tests take a device.
var Packages = []string{"./torch/...", "./trainer", "./models", "./scripts/e2e", "./models/runs"}

// testLimit is how long the tests of one package may take.
const testLimit = "10m"

// TestsResult is the outcome of the unit tests on the device.
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

// OK reports whether tests ran and none failed.
func (r *TestsResult) OK() bool {
	return r.Problem == "" && r.Failed == 0 && len(r.Failures) == 0 && r.Passed > 0
}

// runTests runs the tests of packages with a device in ETUDE_TEST_DEVICE.
func runTests(ctx context.Context, root, device string, packages []string, finished func(pkg string, seconds float64)) TestsResult {
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
	// `go test` waits for the programs of its tests, so the signal goes to them, too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	var stderr pystep.Tail
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return TestsResult{Packages: packages, Problem: "go test: " + err.Error()}
	}
	r := parseTests(ctx, out, finished)
	r.Packages = packages
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what did not heed the first signal
		r.Problem = errInterrupted.Error()
	case err != nil && r.Failed == 0 && len(r.Failures) == 0: // else the failures say it
		r.Problem = strings.TrimSpace(fmt.Sprintf("go test: %v %s", err, stderr))
	}
	return r
}

// skipped matches what a skipped test printed: "    x_test.go:12: no Python".
var skipped = regexp.MustCompile(`(?m)^.*?\.go:\d+: (.*)$`)

// parseTests reads the events of `go test -json`. It skips other lines, and what fails
// once ctx has ended, because that was cut off.
func parseTests(ctx context.Context, out io.Reader, finished func(pkg string, seconds float64)) TestsResult {
	r := TestsResult{Failures: []TestFailure{}, Reasons: map[string]int{}}
	outputs := map[string]*pystep.Tail{} // by package and test, or by what is built
	failed := map[string]bool{}          // the parents of tests that failed, and their packages
	output := func(key string) *pystep.Tail {
		if outputs[key] == nil {
			outputs[key] = new(pystep.Tail)
		}
		return outputs[key]
	}
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		var e struct {
			Action, Package, Test, Output, ImportPath, FailedBuild string
			Elapsed                                                float64
		}
		key := func() string { return e.Package + " " + e.Test }
		one := 0 // packages are not counted
		if json.Unmarshal(line, &e) != nil || e.Action == "fail" && ctx.Err() != nil {
			e.Action = ""
		}
		if e.Test != "" {
			one = 1
		} else if finished != nil && (e.Action == "pass" || e.Action == "fail") {
			finished(e.Package, e.Elapsed)
		}
		switch e.Action {
		case "output":
			_, _ = output(key()).Write([]byte(e.Output)) // a Tail takes everything
		case "build-output":
			_, _ = output(e.ImportPath).Write([]byte(e.Output))
		case "pass":
			r.Passed += one
			delete(outputs, key())
		case "skip":
			r.Skipped += one
			why := "no reason given"
			if all := skipped.FindAllStringSubmatch(string(*output(key())), -1); all != nil {
				why = all[len(all)-1][1]
			}
			if one > 0 {
				r.Reasons[why]++
			}
		case "fail":
			r.Failed += one
			if !failed[key()] { // of a test and its subtests, only the innermost is listed
				from := key()
				if e.FailedBuild != "" {
					from = e.FailedBuild
				}
				r.Failures = append(r.Failures, TestFailure{e.Package, e.Test, strings.TrimSpace(string(*output(from)))})
			}
			for i, c := range e.Test {
				if c == '/' {
					failed[e.Package+" "+e.Test[:i]] = true
				}
			}
			failed[e.Package+" "] = failed[e.Package+" "] || one > 0
		}
		if err != nil {
			return r
		}
	}
}
