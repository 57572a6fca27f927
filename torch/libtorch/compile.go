// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// compiler is a command that compiles C++20.
type compiler struct {
	args    []string // $CXX may hold flags, "ccache g++"
	version string   // its own first line
}

// trial uses what the headers of libtorch use. It is linked too, because a clang
// without a C++ library fails only then.
const trial = `#include <concepts>
#include <span>
#include <string>
#include <vector>
static_assert(__cplusplus >= 202002L);
template <std::integral T> std::string f(std::span<T> s) { return std::to_string(s.size()); }
int main() { std::vector<int> v(3); return f(std::span<int>(v)) == "3" ? 0 : 1; }
`

// errNoRoom marks a compiler that could not be tried, unlike one that cannot compile.
var errNoRoom = errors.New("libtorch: the compiler was not tried, as its files cannot be written: make room, or set ETUDE_HOME to a folder on another disk")

// compilersHere returns the commands on PATH that may be a compiler: $CXX alone if it
// is set.
func compilersHere() [][]string {
	candidates := [][]string{{"g++"}, {"clang++"}, {"c++"}}
	if given := strings.Fields(os.Getenv("CXX")); len(given) > 0 {
		candidates = [][]string{given}
	}
	return slices.DeleteFunc(candidates, func(args []string) bool {
		_, err := exec.LookPath(args[0])
		return err != nil
	})
}

// findCompiler returns $CXX, or the first of the usual names that compiles C++20. It
// writes to temp.
func findCompiler(ctx context.Context, temp string) (compiler, error) {
	var refused []error
	for _, args := range compilersHere() {
		c := compiler{args: args}
		err := c.try(ctx, temp)
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil || errors.Is(err, errNoRoom) {
			return compiler{}, err
		}
		refused = append(refused, err)
	}
	given := strings.Fields(os.Getenv("CXX"))
	switch {
	case len(refused) > 0:
		return compiler{}, lacks("there is no C++20 compiler (g++ 11, clang++ 14 or later): "+errors.Join(refused...).Error(), compilerPackage)
	case len(given) > 0:
		return compiler{}, fmt.Errorf("libtorch: $CXX names %s, which is not there: unset CXX or correct it", given[0])
	}
	return compiler{}, lacks("there is no C++ compiler (g++ or clang++) on PATH", compilerPackage)
}

// try compiles and links a small program.
func (c *compiler) try(ctx context.Context, temp string) error {
	out, err := c.run(ctx, temp, "--version")
	if err != nil {
		return fmt.Errorf("%s --version: %w", c, err)
	}
	c.version, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	source := filepath.Join(temp, "trial.cpp")
	if err := os.WriteFile(source, []byte(trial), 0o644); err != nil {
		return fmt.Errorf("%w: %w", errNoRoom, err)
	}
	if out, err = c.run(ctx, temp, "-std=c++20", source, "-o", filepath.Join(temp, "trial")); err != nil {
		if ctx.Err() != nil {
			return err
		}
		if says(out, "No space left on device") {
			return fmt.Errorf("%w: %s: no space left on device", errNoRoom, temp)
		}
		return fmt.Errorf("%s (%s) cannot compile C++20: %w\n%s", c, c.version, err, tail(out, 5))
	}
	return nil
}

// run runs the compiler with its temporary files in temp.
func (c compiler) run(ctx context.Context, temp string, args ...string) ([]byte, error) {
	return runGuarded(ctx, []string{"TMPDIR=" + temp, "LC_ALL=C"}, temp, c.args[0], slices.Concat(c.args[1:], args)...)
}

func (c compiler) String() string { return strings.Join(c.args, " ") }

// compileLibrary compiles a library and moves it to its place in the home. temp is a
// new folder on the same file system.
func (s *sources) compileLibrary(ctx context.Context, c compiler, home, temp string, t torchDir, l library, report func(Event)) (string, error) {
	units := s.of(l)
	if len(units) == 0 {
		return "", fmt.Errorf("libtorch: there are no sources for %s", l.name)
	}
	for name, text := range s.files {
		if err := write(filepath.Join(temp, filepath.FromSlash(name)), text); err != nil {
			return "", err
		}
	}

	compile := slices.Concat(compileFlags, t.includes(l))
	if l.name == distBridge.name { // Gloo's headers, which libtorch's wheel leaves out
		compile = append(compile, "-I"+filepath.Join(temp, l.folder))
	}
	objects := make([]string, len(units))
	var done atomic.Int64
	event := func() { report(Event{StageCompile, l.name, done.Load(), int64(len(units))}) }
	event()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), maxJobs))
	for i, unit := range units {
		source := filepath.Join(temp, filepath.FromSlash(unit.source))
		objects[i] = filepath.Join(temp, filepath.FromSlash(unit.object)) + ".o"
		group.Go(func() error {
			out, err := c.run(groupCtx, temp, slices.Concat(compile, unit.flags, []string{"-c", source, "-o", objects[i]})...)
			if err != nil {
				return compileError(groupCtx, c, unit.source, t, out, err)
			}
			done.Add(1)
			event()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}

	made := filepath.Join(temp, "lib"+l.name+".so")
	// Not -Wl,-rpath,: a comma in the path would end it.
	place := []string{"-L" + filepath.Join(t.dir, "lib"), "-Xlinker", "-rpath", "-Xlinker", searchPath(home, t)}
	if out, err := c.run(ctx, temp, slices.Concat([]string{"-o", made}, objects, place, linkFlags, l.flags)...); err != nil {
		return "", compileError(ctx, c, "the link of "+l.name, t, out, err)
	}
	return install(made, s.libraryPath(home, t, l))
}

// compileError names the first error in a compiler's output, because the lines after
// it are mostly consequences.
func compileError(ctx context.Context, c compiler, what string, t torchDir, out []byte, err error) error {
	if ctx.Err() != nil {
		return err
	}
	text := tail(out, 12)
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "error:") || strings.Contains(line, "No space left") {
			text = strings.TrimSpace(line)
			break
		}
	}
	if t.release > newest {
		text += fmt.Sprintf(" (libtorch %s is newer than what is tested: %s)", t.version, supported())
	}
	return fmt.Errorf("libtorch: %s failed on %s against libtorch %s: %w: %s", c, what, t.version, err, text)
}

// compileProbe compiles the prober.
func compileProbe(ctx context.Context, c compiler, home, temp string) (string, error) {
	source, made := filepath.Join(temp, "probe.cpp"), filepath.Join(temp, "probe")
	if err := write(source, probeSource); err != nil {
		return "", err
	}
	if out, err := c.run(ctx, temp, "-std=c++20", "-O1", source, "-o", made, "-ldl"); err != nil {
		return "", fmt.Errorf("libtorch: the link of the prober failed: %w: %s", err, tail(out, 12))
	}
	return install(made, probePath(home))
}
