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
	"slices"
	"strings"
)

// A compiler compiles C++20.
type compiler struct {
	args    []string // $CXX may hold flags, "ccache g++"
	version string   // its own first line
}

// trial uses what the headers of libtorch use, and links, since a clang without
// a C++ library compiles well.
const trial = `#include <concepts>
#include <span>
#include <string>
#include <vector>
static_assert(__cplusplus >= 202002L);
template <std::integral T> std::string f(std::span<T> s) { return std::to_string(s.size()); }
int main() { std::vector<int> v(3); return f(std::span<int>(v)) == "3" ? 0 : 1; }
`

// errNoRoom tells a compiler that cannot work here from one that cannot compile.
var errNoRoom = errors.New("libtorch: the compiler was not tried, as its files cannot be written: make room, or set ETUDE_HOME to a folder on another disk")

// compilersHere are the commands on PATH that may be a compiler: $CXX alone if it is
// set.
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

// findCompiler takes $CXX, or the first of the usual names that compiles C++20.
// It works in a folder where it may write.
func findCompiler(ctx context.Context, temp string) (compiler, error) {
	given := strings.Fields(os.Getenv("CXX"))
	var refused []error
	for _, args := range compilersHere() {
		c := compiler{args: args}
		if err := c.try(ctx, temp); err != nil {
			if ctx.Err() != nil || errors.Is(err, errNoRoom) {
				return compiler{}, err
			}
			refused = append(refused, err)
			continue
		}
		return c, nil
	}
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
	args = append(append([]string{}, c.args[1:]...), args...)
	return runGuarded(ctx, []string{"TMPDIR=" + temp, "LC_ALL=C"}, temp, c.args[0], args...)
}

func (c compiler) String() string { return strings.Join(c.args, " ") }
