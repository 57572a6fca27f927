// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Setup installs what is missing: libtorch, the bridge, ONNX Runtime. It needs a
// C++20 compiler and, if libtorch or ONNX Runtime are missing, pip.
//
// If nothing is missing it tries whether the libraries load, which takes about a
// second, and writes nothing; it makes anew one that does not load. Two at a time
// wait for each other. If ctx or a crash ends it early, nothing half-made stays in
// place, and the next Setup removes the temporary files. With an error the
// Installation is nil, except for [ErrNoONNXRuntime].
func Setup(ctx context.Context, o Options) (*Installation, error) {
	s, err := newSearch(o.Home)
	if err != nil {
		return nil, err
	}
	if o.Libtorch != "" {
		t, err := openTorch(o.Libtorch)
		if err != nil {
			return nil, fmt.Errorf("libtorch: setup --libtorch: %w", err)
		}
		if s.given != "" {
			if other, err := openTorch(s.given); err != nil || other.dir != t.dir {
				return nil, fmt.Errorf("libtorch: setup --libtorch %s: %s names another one, %s, and would win: unset it", o.Libtorch, s.origin, s.given)
			}
		}
		s.given, s.origin = t.dir, byOption
	}
	return s.setup(ctx, o)
}

func (s *search) setup(ctx context.Context, o Options) (*Installation, error) {
	w := &setup{search: s, options: o}
	inst := w.complete(ctx)
	if inst == nil {
		unlock, err := w.lock(ctx)
		if err != nil {
			return nil, err
		}
		defer unlock()
		// Whoever held the lock may have done all of it.
		if inst = w.complete(ctx); inst == nil {
			if inst, err = w.run(ctx); err != nil {
				return inst, err
			}
		}
	}
	w.report(Event{Stage: StageDone})
	return inst, nil
}

// complete returns the installation if nothing is missing and its libraries load.
func (w *setup) complete(ctx context.Context) *Installation {
	inst := w.present()
	if w.options.Force || inst == nil {
		return nil
	}
	if p, err := probe(ctx, w.findProbe(), inst.libraries()...); err != nil || p.failure != nil {
		return nil
	}
	return inst
}

// libraries lists the files that are opened, each after what it needs.
func (i *Installation) libraries() []string {
	all := []string{filepath.Join(i.Libtorch, "lib", "libtorch_cpu.so"), i.Bridge, i.CUDABridge, i.DistBridge, i.ONNXRuntime}
	return slices.DeleteFunc(all, func(path string) bool { return path == "" })
}

// present is complete without a try whether the libraries load.
func (w *setup) present() *Installation {
	inst, t, err := w.locate()
	switch {
	case err != nil || inst.ONNXRuntime == "" || w.findProbe() == "",
		w.options.Libtorch != "" && !w.remembered(t.dir),
		inst.DistBridge == "" && t.checkDist() == nil,
		inst.CUDABridge == "" && (w.options.CUDA || len(w.sources.of(cudaBridge)) > 0 && t.checkCUDA() == nil):
		return nil
	}
	return inst
}

// remembered reports whether a process for which no libtorch is named finds this one.
func (w *setup) remembered(dir string) bool {
	t, err := (&search{homes: w.homes}).findTorch()
	return err == nil && t.dir == dir
}

// shadowed returns an error if an earlier home has a libtorch, which would be found
// before one that is installed or remembered in the home that is written to.
func (w *setup) shadowed() error {
	for _, home := range w.homes[:slices.Index(w.homes, w.home)] {
		if _, err := torchIn(home); !errors.Is(err, ErrNotInstalled) {
			return fmt.Errorf("libtorch: %s has a libtorch already, comes before %s, and cannot be written: set ETUDE_HOME to a folder that you may write, or ETUDE_LIBTORCH to the libtorch to use", home, w.home)
		}
	}
	return nil
}

// examine tries what is there, and notes what does not load, so that it is made
// anew. If the user named it, or its home cannot be written, that is an error.
func (w *setup) examine(ctx context.Context) error {
	w.broken = map[string]bool{}
	inst, _, err := w.find()
	if w.options.Force || err != nil {
		return nil // what is missing is made, and tried then
	}
	prober, err := w.prober(ctx)
	if err != nil {
		return err
	}
	libraries := inst.libraries()
	for _, path := range libraries {
		p, err := probe(ctx, prober, path)
		if err != nil {
			return err
		}
		if p.failure == nil {
			continue
		}
		if rel, err := filepath.Rel(w.home, path); err != nil || !filepath.IsLocal(rel) {
			return fmt.Errorf("libtorch: %w: it is outside of %s, which is the folder that setup may write; replace it, or set ETUDE_HOME to another folder", p.failure, w.home)
		}
		w.broken[path] = true
		if path == libraries[0] {
			break // the bridges need it
		}
	}
	return nil
}

// run makes what is missing. The caller holds the lock.
func (w *setup) run(ctx context.Context) (*Installation, error) {
	if err := w.examine(ctx); err != nil {
		return nil, err
	}
	t, err := w.torch(ctx)
	if err != nil {
		return nil, err
	}
	if w.options.Libtorch != "" {
		if err := w.shadowed(); err != nil {
			return nil, err
		}
	}
	if _, err := w.compileMissing(ctx, t, mainBridge); err != nil {
		return nil, err
	}
	prober, err := w.prober(ctx)
	if err != nil {
		return nil, err
	}
	// The bridge compiles, but what it needs of libtorch may not load.
	bridge, _ := w.findLibrary(t, mainBridge)
	p, err := probe(ctx, prober, bridge)
	if err = cmp.Or(err, p.failure); err != nil {
		return nil, fmt.Errorf("libtorch: the bridge for %s: %w", t.dir, err)
	}
	problem, err := w.cuda(ctx, t, prober)
	if err != nil {
		return nil, err
	}
	noDist := t.checkDist()
	if noDist == nil {
		_, noDist = w.compileMissing(ctx, t, distBridge)
	}
	if ctx.Err() != nil {
		return nil, noDist
	}
	var noONNX error
	if path := w.findONNXRuntime(t); w.options.Force || path == "" || w.broken[path] {
		if err := w.installONNXRuntime(ctx); ctx.Err() != nil {
			return nil, err
		} else if err != nil {
			noONNX = fmt.Errorf("%w: %w", ErrNoONNXRuntime, err)
		}
	}
	if w.options.Libtorch != "" {
		if err := writeRecord(w.home, t.dir); err != nil {
			return nil, err
		}
	}
	inst, _, err := w.locate()
	if err != nil {
		return nil, err
	}
	inst.CUDAProblem = problem
	if noDist != nil {
		inst.DistProblem = noDist.Error()
	}
	return inst, noONNX
}

// torch finds the libtorch to use, or installs one.
func (w *setup) torch(ctx context.Context) (torchDir, error) {
	t, err := w.findTorch()
	switch {
	case w.given != "" && err != nil:
		return t, err
	case w.given != "":
		return t, t.checkABI()
	case w.options.Force, err == nil && w.broken[filepath.Join(t.dir, "lib", "libtorch_cpu.so")]:
	case err != nil && !errors.Is(err, ErrNotInstalled):
		return t, err
	case err == nil && (t.origin == byOption || !w.options.CUDA || t.checkCUDA() == nil):
		return t, t.checkABI()
	}
	// By force, what is there is made anew, so also its kind.
	if err := w.shadowed(); err != nil {
		return t, err
	}
	cuda := w.options.CUDA || t.origin == bySetup && t.checkCUDA() == nil
	_, missing := w.findCompiler(ctx) // needed later, but the user hears of everything at once
	if err := w.installTorch(ctx, cuda, missing); err != nil {
		return t, err
	}
	if err := os.Remove(filepath.Join(w.home, recordFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("libtorch: %w", err)
	}
	return w.findTorch()
}

// cuda compiles the CUDA bridge if that can work. If it cannot, cuda returns a problem
// and no error, unless CUDA was asked for.
func (w *setup) cuda(ctx context.Context, t torchDir, prober string) (problem string, err error) {
	why := t.checkCUDA()
	if why == nil && len(w.sources.of(cudaBridge)) == 0 {
		why = errors.New("this version has no CUDA bridge")
	}
	if why == nil {
		var p probing
		if p, err = probe(ctx, prober, filepath.Join(t.dir, "lib", "libtorch_cuda.so")); err != nil {
			return "", err
		}
		why = p.failure
	}
	if why == nil {
		_, why = w.compileMissing(ctx, t, cudaBridge)
		if ctx.Err() != nil {
			return "", why
		}
	}
	switch {
	case why == nil || errors.Is(why, errNoCUDA) && !w.options.CUDA:
		return "", nil
	case w.options.CUDA:
		return "", fmt.Errorf("libtorch: CUDA with the libtorch of %s, %s: %w", t.origin, t.dir, why)
	}
	return why.Error(), nil
}

// Download installs libtorch and ONNX Runtime as [Setup] does, and compiles nothing;
// a later Setup finds them. It needs pip and no compiler. A program that calls
// Download and not Setup contains none of the bridge's sources, so the layer of a
// container's image that it fills does not change when they do. Options.Libtorch
// must be empty.
func Download(ctx context.Context, o Options) error {
	if o.Libtorch != "" {
		return errors.New("libtorch: download: Options.Libtorch names a libtorch that is here already")
	}
	s, err := newHomes(o.Home)
	if err != nil {
		return err
	}
	w := &setup{search: s, options: o}
	unlock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if o.Force || !isDir(filepath.Join(w.home, wheelFolder(o.CUDA))) {
		if err := w.installTorch(ctx, o.CUDA, nil); err != nil {
			return err
		}
	}
	if o.Force || !isFile(filepath.Join(w.home, onnxRuntimeFolder, onnxRuntimeFile)) {
		if err := w.installONNXRuntime(ctx); err != nil {
			return err
		}
	}
	w.report(Event{Stage: StageDone})
	return nil
}

// CompilePretend compiles the pretend accelerator, a library for tests, and returns
// its path. It is kept like the bridge and compiled once.
func CompilePretend(ctx context.Context, inst *Installation) (path string, err error) {
	t, err := openTorch(inst.Libtorch)
	if err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	s, err := newSearch("")
	if err != nil || !slices.Contains(s.homes, inst.Home) {
		if s, err = newSearch(inst.Home); err != nil {
			return "", err
		}
	}
	if path, _ := s.findLibrary(t, pretendBridge); path != "" {
		return path, nil
	}
	w := &setup{search: s}
	unlock, err := w.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	return w.compileMissing(ctx, t, pretendBridge)
}
