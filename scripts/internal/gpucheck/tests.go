// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/etude-ml/etude/scripts/internal/turns"
)

// Packages lists the packages whose tests take a device.
var Packages = []string{"./torch/...", "./trainer/...", "./models", "./scripts/e2e", "./models/runs"}

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
	// `go test` waits for the programs of its tests, so the signal goes to them, too.
	cmd := turns.InGroup(ctx, syscall.SIGINT, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "ETUDE_TEST_DEVICE="+device, "ETUDE_TEST_REQUIRE_DEVICE=1", "ETUDE_TEST_REQUIRE_LIBTORCH=1",
		"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=0") // it is 1 in NVIDIA's images, and then products are TF32's
	if strings.HasPrefix(device, "cuda") {
		cmd.Env = append(cmd.Env, "ETUDE_TEST_REQUIRE_CUDA=1")
	}
	var stderr turns.Tail
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
		r.Problem = turns.ErrInterrupted.Error()
	case err != nil && r.Failed == 0 && len(r.Failures) == 0: // otherwise the failures explain it
		r.Problem = strings.TrimSpace(fmt.Sprintf("go test: %v %s", err, stderr))
	}
	return r
}

// skipped matches what a skipped test printed: "    x_test.go:12: no Python".
var skipped = regexp.MustCompile(`(?m)^.*?\.go:\d+: (.*)$`)

// event is a line of `go test -json`.
type event struct {
	Action, Package, Test, Output, ImportPath, FailedBuild string
	Elapsed                                                float64
}

// parseTests reads the events of `go test -json`. It skips other lines, and what fails
// once ctx has ended, because that was cut off.
func parseTests(ctx context.Context, out io.Reader, finished func(pkg string, seconds float64)) TestsResult {
	r := TestsResult{Failures: []TestFailure{}, Reasons: map[string]int{}}
	counts := map[string]*int{"pass": &r.Passed, "fail": &r.Failed, "skip": &r.Skipped}
	outputs := map[string]*turns.Tail{} // by package and test, or by what is built
	failed := map[string]bool{}         // the parents of tests that failed, and their packages
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil { // the last line is not whole
			return r
		}
		var e event
		if json.Unmarshal(line, &e) != nil || e.Action == "fail" && ctx.Err() != nil {
			continue
		}
		from := cmp.Or(e.FailedBuild, e.ImportPath, e.Package+" "+e.Test)
		if outputs[from] == nil {
			outputs[from] = new(turns.Tail)
		}
		if e.Output != "" {
			_, _ = outputs[from].Write([]byte(e.Output)) // a tail takes everything
		}
		switch n := counts[e.Action]; {
		case n == nil:
			continue
		case e.Test != "":
			*n++
		case finished != nil && e.Action != "skip":
			finished(e.Package, e.Elapsed)
		}
		switch {
		case e.Action == "pass":
			delete(outputs, from)
		case e.Action == "skip" && e.Test != "":
			why := "no reason given"
			if all := skipped.FindAllStringSubmatch(outputs[from].String(), -1); all != nil {
				why = all[len(all)-1][1]
			}
			r.Reasons[why]++
		case e.Action == "fail":
			if !failed[e.Package+" "+e.Test] { // of a test and its subtests, only the innermost is listed
				r.Failures = append(r.Failures, TestFailure{e.Package, e.Test, outputs[from].String()})
			}
			for i, c := range e.Test {
				if c == '/' {
					failed[e.Package+" "+e.Test[:i]] = true
				}
			}
			failed[e.Package+" "] = failed[e.Package+" "] || e.Test != ""
		}
	}
}
