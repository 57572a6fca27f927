// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package bench holds the benchmarks that compare Etude with PyTorch, ONNX Runtime and
// librosa in Python and others, side by side in one run, so that a change of the machine's
// speed meets all.
package bench

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/turns"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// tolerance is what the losses of the first steps may differ by, of their size: float32, whose
// sums every contestant orders in its own way, through a few steps of Adam.
const tolerance = 1e-4

// guest is a program that trains on demand, or why there is none.
type guest struct {
	*turns.Process
	absent error
}

func start(b *testing.B, name string, args ...string) guest {
	// Compilers that a question starts may take minutes.
	p, err := turns.Start(b.Context(), 5*time.Minute, name, args...)
	if err == nil {
		b.Cleanup(func() { _ = p.Close() }) // it has answered every question
	}
	return guest{p, err}
}

// rival is a contestant that also tells its first losses; none for a bound.
type rival struct {
	turns.Contestant
	losses func() ([]float64, error)
}

// asks returns the contestant that a guest is; question is given steps.
func (g guest) asks(name string, question func(steps string) string) rival {
	return rival{
		turns.Contestant{Name: name, Absent: g.absent, Run: func(n int) (float64, error) {
			answer, err := g.Ask(question(strconv.Itoa(n)))
			if err != nil {
				return 0, err
			}
			return strconv.ParseFloat(answer, 64)
		}},
		func() (list []float64, err error) {
			answer, err := g.Ask(question("losses"))
			for word := range strings.FieldsSeq(answer) {
				loss, e := strconv.ParseFloat(word, 64)
				list, err = append(list, loss), errors.Join(err, e)
			}
			return list, err
		},
	}
}

// compileStep compiles what is written by hand against the installed libtorch.
func compileStep(b *testing.B) (string, error) {
	installed, err := libtorch.Locate()
	if err != nil {
		return "", err
	}
	compiler := strings.Fields(cmp.Or(os.Getenv("CXX"), "c++"))
	lib, program := filepath.Join(installed.Libtorch, "lib"), filepath.Join(b.TempDir(), "step")
	cmd := exec.CommandContext(b.Context(), compiler[0], append(compiler[1:], "-std=c++20", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-DNDEBUG",
		"-I"+filepath.Join(installed.Libtorch, "include"), "cpp/step.cpp", "-o", program,
		"-L"+lib, "-ltorch_cpu", "-lc10", "-Wl,-rpath,"+lib, "-Wl,--allow-shlib-undefined")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cpp/step.cpp was not compiled: %w: %s", err, out)
	}
	return program, nil
}

// compileGoTorch compiles gotorch/step.go, and GoTorch's C++ for the installed libtorch.
func compileGoTorch(b *testing.B) (string, error) {
	installed, err := libtorch.Locate()
	if err != nil {
		return "", err
	}
	lib, err := filepath.Abs("../../bin/gotorch")
	program := filepath.Join(b.TempDir(), "gotorch")
	for _, c := range [][]string{
		{"bash", "../../torch/gotorch/build.sh", installed.Libtorch, lib},
		{"go", "build", "-tags", "gotorch", "-ldflags", "-r " + lib, "-o", program, "./gotorch"},
	} {
		cmd := exec.CommandContext(b.Context(), c[0], c[1:]...)
		cmd.Env = append(os.Environ(), "LIBRARY_PATH="+lib)
		if out, failed := cmd.CombinedOutput(); failed != nil {
			return "", fmt.Errorf("GoTorch was not compiled: %w: %s", failed, out)
		}
	}
	return program, err
}

// guests are the programs at a number of threads.
type guests struct{ python, compiled, jax, gotorch, hand guest }

func startGuests(b *testing.B, threads int, byHand, goTorch func() (string, error)) guests {
	n, python := strconv.Itoa(threads), torchtest.Python(b)
	compiled := func(program func() (string, error)) guest {
		path, err := program()
		if err != nil {
			return guest{absent: err}
		}
		// GoTorch asks for half of the cores, on one core for none, unless a number is given.
		return start(b, "env", "OMP_NUM_THREADS="+n, path, n)
	}
	g := guests{python: start(b, python, "step.py", "--threads", n), hand: compiled(byHand)}
	if testing.Short() {
		g.compiled.absent = errors.New("left out in the short form: it compiles for minutes")
		g.jax.absent, g.gotorch.absent = g.compiled.absent, g.compiled.absent
		return g
	}
	g.compiled = start(b, python, "step.py", "--threads", n)
	g.jax = start(b, python, "step_jax.py", n)
	g.gotorch = compiled(goTorch)
	return g
}

// rivals returns the contestants for a network and what closes them.
func rivals(n network, batch int, g guests) (list []rival, done func()) {
	eager, recorded := newTraining(n, batch), newTraining(n, batch)
	absent := recorded.record()
	ask := func(variant string) func(string) string {
		return func(steps string) string { return fmt.Sprint(n.name, " ", variant, " ", steps, " ", batch) }
	}
	byHand := func(g guest, name, variant string) rival {
		if n.layers == "" && g.absent == nil {
			g.absent = errors.New("it was written for linear layers and LSTMs of one step")
		}
		return g.asks(name, func(steps string) string { return n.question(variant, steps, batch) })
	}
	least := g.hand.asks("least possible", func(steps string) string { return n.least(steps, batch) })
	least.losses = nil
	return []rival{
		{turns.Contestant{Name: "ours, eager", Run: eager.time}, eager.losses},
		{turns.Contestant{Name: "ours, recorded", Absent: absent, Run: recorded.time}, recorded.losses},
		g.python.asks("Python", ask("default")), g.python.asks("Python, fused Adam", ask("fused")), g.python.asks("Python, DataLoader", ask("loader")),
		g.compiled.asks("torch.compile, fused Adam", ask("compile")), byHand(g.jax, "JAX, one scan", "jax"), byHand(g.gotorch, "GoTorch", "gotorch"),
		byHand(g.hand, "libtorch by hand", "libtorch"), byHand(g.hand, "plain C++ with sgemm", "plain"), least,
	}, func() { eager.close(); recorded.close() }
}

// agree has every contestant train from the start and compares the losses with ours; what
// differs is not timed, and fails the benchmark. What does not run is absent, with the reason.
func agree(b *testing.B, network string, list []rival) (contestants []turns.Contestant) {
	var ours []float64
	for _, r := range list {
		if r.Absent == nil && r.losses != nil {
			losses, err := r.losses()
			if ours == nil {
				require.NoError(b, err)
				ours = losses
			}
			if err == nil && !slices.EqualFunc(losses, ours, func(x, y float64) bool { return math.Abs(x-y) <= tolerance*math.Abs(y) }) {
				err = fmt.Errorf("its losses are %v, ours %v", losses, ours)
				b.Errorf("%s, %s: %v", network, r.Name, err)
			}
			r.Absent = err
		}
		contestants = append(contestants, r.Contestant)
	}
	return contestants
}

// column is a network at a batch size, and who trains it; all, where only is nil.
type column struct {
	title string
	network
	batch int
	only  []string
}

// steps times networks and adds a section to the table, a column for each: milliseconds a step
// of the first contestant, and the ratios of the others to it in the same round.
func steps(b *testing.B, title string, threads int, pace pace, g guests, columns []column) {
	rows, notes, where := [][]string{{""}}, []string{}, map[string]string{}
	torch.Threads(threads, func() {
		for _, c := range columns {
			rows[0] = append(rows[0], c.title)
			list, done := rivals(c.network, c.batch, g)
			list = slices.DeleteFunc(list, func(r rival) bool { return c.only != nil && !slices.Contains(c.only, r.Name) })
			results := turns.Race(b.Context(), agree(b, c.title, list), pace.rounds, pace.each)
			last := len(results) - 1 // the least possible
			results = append(results, turns.Result{Name: "ours, recorded, to the least"})
			for i, r := range results {
				if i+1 == len(rows) {
					rows = append(rows, []string{r.Name})
				}
				cell := spread(ratios(r.Times, results[0].Times), "%.2f")
				switch i {
				case 0:
					cell = spread(r.Times, "%.3f") + " ms"
				case last + 1:
					cell = spread(ratios(results[1].Times, results[last].Times), "%.2f")
				}
				rows[i+1] = append(rows[i+1], cell)
				if why := r.Name + ": " + cmp.Or(r.Problem, r.Absent); !strings.HasSuffix(why, " ") {
					if where[why] == "" {
						notes = append(notes, why)
					}
					where[why] += " " + c.title
				}
			}
			done()
		}
	})
	for i, note := range notes {
		notes[i] = note + " (" + strings.TrimSpace(where[note]) + ")"
	}
	section(title, rows, append(notes, "least possible: the fastest of many short pieces, which other work on the machine disturbs least")...)
}

// pace says how often all contestants take turns, and how long these last.
type pace struct {
	rounds int
	each   time.Duration
}

func newPace() pace {
	if testing.Short() {
		return pace{3, 2 * time.Second}
	}
	return pace{7, 15 * time.Second}
}

// BenchmarkSteps times a training step of the five networks and of four larger ones at one
// thread and at two, and how the time grows with the batch and the width.
func BenchmarkSteps(b *testing.B) {
	torchtest.Need(b)
	byHand := sync.OnceValues(func() (string, error) { return compileStep(b) })
	goTorch := sync.OnceValues(func() (string, error) { return compileGoTorch(b) })
	for threads := range min(2, runtime.NumCPU()) {
		threads++
		if threads > 1 && testing.Short() {
			break
		}
		g := startGuests(b, threads, byHand, goTorch)
		var columns []column
		for _, n := range networks() {
			columns = append(columns, column{n.name, n, batch, nil})
		}
		steps(b, fmt.Sprintf("A step, batch %d, threads: %d; ms and ratios to ours, eager: median (least–most)", batch, threads), threads, newPace(), g, columns)
		if threads > 1 {
			continue
		}
		few := []string{"ours, eager", "ours, recorded", "Python, fused Adam", "libtorch by hand", "plain C++ with sgemm", "least possible"}
		columns = nil
		for _, size := range []int{16, 256, 1024} {
			columns = append(columns, column{fmt.Sprint("emotion, batch ", size), networks()[0], size, few})
		}
		for _, width := range []int{64, 256, 1024} {
			columns = append(columns, column{fmt.Sprintf("mlp, width %d", width), perceptron(width), batch, few})
		}
		steps(b, "Growth with batch and width, 1 thread", 1, newPace(), g, columns)
	}
	b.ReportMetric(0, "ns/op") // it means nothing here
}
