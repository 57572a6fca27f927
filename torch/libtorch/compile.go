// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// maxJobs bounds the compilers that run at once: each takes about a gigabyte
// with libtorch's headers.
const maxJobs = 4

// compileLibrary compiles a library and moves it to its place in the home. temp
// is a folder of its own on the same file system.
func (s *sources) compileLibrary(ctx context.Context, c compiler, home, temp string, t torchDir, l library, report func(Event)) (string, error) {
	units := s.of(l)
	if len(units) == 0 {
		return "", fmt.Errorf("libtorch: there are no sources for %s", l.name)
	}
	for name, text := range s.files {
		path := filepath.Join(temp, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", fmt.Errorf("libtorch: %w", err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return "", fmt.Errorf("libtorch: %w", err)
		}
	}

	includes := t.includes(l)
	objects := make([]string, len(units))
	var done atomic.Int64
	event := func() { report(Event{StageCompile, l.name, done.Load(), int64(len(units))}) }
	event()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), maxJobs))
	for i, unit := range units {
		source := filepath.Join(temp, filepath.FromSlash(unit))
		objects[i] = strings.TrimSuffix(source, ".cpp") + ".o"
		group.Go(func() error {
			args := append(append([]string{}, compileFlags...), includes...)
			out, err := c.run(groupCtx, temp, append(args, "-c", source, "-o", objects[i])...)
			if err != nil {
				return compileError(groupCtx, c, unit, t, out, err)
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
	args := append([]string{"-o", made}, objects...)
	args = append(args, "-L"+filepath.Join(t.dir, "lib"))
	// Not -Wl,-rpath,: a comma in the path would end it.
	args = append(args, "-Xlinker", "-rpath", "-Xlinker", searchPath(home, t))
	args = append(args, linkFlags...)
	args = append(args, l.flags...)
	if out, err := c.run(ctx, temp, args...); err != nil {
		return "", compileError(ctx, c, "the link of "+l.name, t, out, err)
	}
	return install(made, s.libraryPath(home, t, l))
}

// compileError names the first error in a compiler's output: the lines after
// it are mostly its consequences.
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
	text, err := probeFiles.ReadFile("probe/probe.cpp")
	if err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	source, made := filepath.Join(temp, "probe.cpp"), filepath.Join(temp, "probe")
	if err := os.WriteFile(source, text, 0o644); err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	if out, err := c.run(ctx, temp, "-std=c++20", "-O1", source, "-o", made, "-ldl"); err != nil {
		return "", fmt.Errorf("libtorch: the link of the prober failed: %w: %s", err, tail(out, 12))
	}
	return install(made, probePath(home))
}

// install moves a finished file to its place in one step. The linker made it with
// all that the umask allows, which may be writing by everyone.
func install(made, place string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	info, err := os.Stat(made)
	if err == nil {
		err = os.Chmod(made, info.Mode().Perm()&^0o022)
	}
	if err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	if err = syncFile(made); err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	if err = os.Rename(made, place); err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	return place, nil
}

// syncFile waits until a file is on the disk, so that a rename never outlives
// the contents in a power cut.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
