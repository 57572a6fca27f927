// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Options for [Setup]. The zero value installs libtorch for the CPU.
type Options struct {
	// CUDA asks for a libtorch that can use NVIDIA GPUs. One that is there
	// without it is left where it is and no longer used.
	CUDA bool
	// Libtorch is the libtorch to use instead of an installed one: a folder that
	// holds lib/ and include/, or one that holds such a folder as torch/. It is
	// remembered in the home.
	Libtorch string
	// Home is the only folder to look in and to write to; "" takes $ETUDE_HOME
	// and the user's cache.
	Home string
	// Force makes everything anew: an installed libtorch, the compiled
	// libraries, ONNX Runtime. A remembered libtorch is forgotten.
	Force bool
	// Progress, if any, is told what happens.
	Progress func(Event)
}

// Setup brings what is missing: libtorch, the bridge, ONNX Runtime. It needs a
// C++20 compiler and, where libtorch or ONNX Runtime are missing, pip.
//
// Where nothing is missing it tries whether the libraries load, which takes about
// a second, and writes nothing; one that does not load is made anew. Two at a
// time wait for each other. When it ends early, by ctx or by a crash, nothing
// half-made is left in place; the next one removes its temporary files. With an
// error the Installation is nil, but for [ErrNoONNXRuntime].
func Setup(ctx context.Context, o Options) (*Installation, error) {
	if err := checkPlatform(); err != nil {
		return nil, err
	}
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

// setup is one run of Setup.
type setup struct {
	*search
	options  Options
	home     string          // that is written to
	temp     string          // for this run, on the same file system
	compiler *compiler       // found when first needed
	broken   map[string]bool // libraries that are there and do not load
	mu       sync.Mutex
	last     time.Time // of the last event
}

// report hands an event on, one at a time.
func (w *setup) report(e Event) {
	if w.options.Progress == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	w.options.Progress(e)
}

// often hands an event on if it is the last of its kind or enough time has
// passed since the one before.
func (w *setup) often(e Event) {
	w.mu.Lock()
	soon := time.Since(w.last) < 100*time.Millisecond
	w.mu.Unlock()
	if e.Done == e.Total || !soon {
		w.report(e)
	}
}

// complete returns what is there if nothing is missing of what was asked for, and
// all of it loads.
func (w *setup) complete(ctx context.Context) *Installation {
	if w.options.Force {
		return nil
	}
	inst := w.present()
	if inst == nil {
		return nil
	}
	if p, err := probe(ctx, w.findProbe(), inst.libraries()...); err != nil || p.failure != nil {
		return nil
	}
	return inst
}

// libraries lists the files that are opened, each after what it needs.
func (i *Installation) libraries() []string {
	all := []string{filepath.Join(i.Libtorch, "lib", "libtorch_cpu.so"), i.Bridge, i.CUDABridge, i.ONNXRuntime}
	return slices.DeleteFunc(all, func(path string) bool { return path == "" })
}

// present returns what is there if no file is missing of what was asked for.
func (w *setup) present() *Installation {
	inst, t, err := w.locate()
	if err != nil || inst.ONNXRuntime == "" || w.findProbe() == "" {
		return nil
	}
	if w.options.Libtorch != "" && !w.remembered(t.dir) {
		return nil
	}
	if inst.CUDABridge == "" && (w.options.CUDA || len(w.sources.of(cudaBridge)) > 0 && t.checkCUDA() == nil) {
		return nil
	}
	return inst
}

// remembered tells whether a process for which no libtorch is named finds this one.
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
// anew. What was named by the user, or is in a home that cannot be written, is an
// error instead.
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

// lock takes the home that is written to, waits until this is the only setup in
// it, and makes an empty folder for temporary files. Whatever lies in tmp then
// was left behind.
func (w *setup) lock(ctx context.Context) (unlock func(), err error) {
	if w.home, err = w.writableHome(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(w.home, 0o755); err != nil {
		return nil, fmt.Errorf("libtorch: %w", err)
	}
	path := filepath.Join(w.home, "lock")
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("libtorch: %s is not a regular file: remove it", path)
	}
	lock := flock.New(path, flock.SetPermissions(0o644)) // other users of a shared home open it too
	held, err := lock.TryLock()
	if err == nil && !held {
		w.report(Event{Stage: StageWait, Item: path})
		held, err = lock.TryLockContext(ctx, 200*time.Millisecond)
	}
	if err != nil || !held {
		return nil, fmt.Errorf("libtorch: %s: %w", path, err)
	}
	all := filepath.Join(w.home, "tmp")
	release := func() { _ = os.RemoveAll(all); _ = lock.Unlock() }
	err = os.RemoveAll(all)
	if err == nil {
		err = os.MkdirAll(all, 0o755)
	}
	if err == nil {
		w.temp, err = os.MkdirTemp(all, "setup-")
	}
	if err != nil {
		release()
		return nil, fmt.Errorf("libtorch: %w", err)
	}
	return release, nil
}

// run does what is missing. The lock is held.
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
	if err := w.compileMissing(ctx, t, mainBridge); err != nil {
		return nil, err
	}
	prober, err := w.prober(ctx)
	if err != nil {
		return nil, err
	}
	// It has no errors of its own to show: what it needs of libtorch may not load.
	bridge, _ := w.findLibrary(t, mainBridge)
	p, err := probe(ctx, prober, bridge)
	if err == nil {
		err = p.failure
	}
	if err != nil {
		return nil, fmt.Errorf("libtorch: the bridge for %s: %w", t.dir, err)
	}
	problem, err := w.cuda(ctx, t, prober)
	if err != nil {
		return nil, err
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
	if err := w.installTorch(ctx, cuda); err != nil {
		return t, err
	}
	if err := os.Remove(filepath.Join(w.home, recordFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("libtorch: %w", err)
	}
	return w.findTorch()
}

// compileMissing compiles a library unless some home has it.
func (w *setup) compileMissing(ctx context.Context, t torchDir, l library) error {
	if !w.options.Force {
		if path, _ := w.findLibrary(t, l); path != "" && !w.broken[path] {
			return nil
		}
	}
	if err := checkPath(searchPath(w.home, t)); err != nil {
		return fmt.Errorf("libtorch: %s: %w", t.dir, err)
	}
	if err := t.checkHeaders(); err != nil {
		return fmt.Errorf("libtorch: %w: what is compiled against it, %s, cannot be made", err, l.name)
	}
	c, err := w.findCompiler(ctx)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(w.temp, l.name+"-")
	if err != nil {
		return fmt.Errorf("libtorch: %w", err)
	}
	_, err = w.sources.compileLibrary(ctx, c, w.home, temp, t, l, w.report)
	return err
}

// findCompiler looks once.
func (w *setup) findCompiler(ctx context.Context) (compiler, error) {
	if w.compiler == nil {
		c, err := findCompiler(ctx, w.temp)
		if err != nil {
			return c, err
		}
		w.compiler = &c
	}
	return *w.compiler, nil
}

// prober finds or compiles the prober. One that does not run is compiled anew.
func (w *setup) prober(ctx context.Context) (string, error) {
	if path := w.findProbe(); path != "" && !w.options.Force {
		if _, err := runCommand(ctx, nil, "", path); err == nil || ctx.Err() != nil {
			return path, err
		}
	}
	c, err := w.findCompiler(ctx)
	if err != nil {
		return "", err
	}
	return compileProbe(ctx, c, w.home, w.temp)
}

// cuda compiles the CUDA bridge if that can work. What stands in the way is a
// problem, not an error, unless CUDA was asked for.
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
		why = w.compileMissing(ctx, t, cudaBridge)
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
