// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/etude-ml/etude/torch/wholefile"
)

// search knows where to look. The whole package works on one, so that tests need
// neither the environment nor the user's cache.
type search struct {
	homes   []string // in order; the first that is writable takes what is missing
	passed  error    // why the user's cache is not among them; nil if it is
	given   string   // the libtorch that the environment names
	origin  string   // the variable that names it
	sources *sources
	machine machine
}

// newSearch reads the environment. If home is not "", it is the only one.
func newSearch(home string) (*search, error) {
	s, err := newHomes(home)
	if err != nil {
		return nil, err
	}
	s.sources, err = embedded()
	return s, err
}

// newHomes is newSearch without the bridge's sources.
func newHomes(home string) (*search, error) {
	if err := checkPlatform(); err != nil {
		return nil, err
	}
	s := new(search)
	for _, name := range []string{"ETUDE_LIBTORCH", "LIBTORCH"} {
		if dir := os.Getenv(name); dir != "" {
			s.given, s.origin = dir, "$"+name
			break
		}
	}
	named, cache := home, ""
	if home == "" {
		named = os.Getenv("ETUDE_HOME")
		dir, err := os.UserCacheDir()
		if err == nil {
			cache = filepath.Join(dir, "etude")
		} else if s.passed = errors.New("neither XDG_CACHE_HOME nor HOME is set"); os.Getenv("XDG_CACHE_HOME") != "" {
			s.passed = fmt.Errorf("XDG_CACHE_HOME is %q, and must be an absolute path", os.Getenv("XDG_CACHE_HOME"))
		}
	}
	if named != "" {
		abs, err := filepath.Abs(named)
		if err == nil {
			err = entered(abs)
		}
		if err != nil {
			return nil, fmt.Errorf("libtorch: home %s: %w", named, err)
		}
		s.homes = []string{abs}
	}
	if cache != "" && !slices.Contains(s.homes, cache) {
		if s.passed = trusted(cache); s.passed == nil {
			s.homes = append(s.homes, cache)
		}
	}
	if len(s.homes) == 0 {
		return nil, fmt.Errorf("libtorch: there is no folder to look in: set ETUDE_HOME to one that you may write (%w)", s.passed)
	}
	return s, nil
}

// entered returns an error for a folder that this user may not enter, and for a
// link that leads nowhere. A folder that does not exist is not an error.
func entered(dir string) error {
	_, err := os.Stat(dir + "/.")
	if errors.Is(err, fs.ErrNotExist) {
		if target, e := os.Readlink(dir); e == nil {
			return fmt.Errorf("it is a link to %s, which does not exist", target)
		}
		return nil
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return nil // mayWrite names what is in the way
	}
	return err
}

// trusted returns an error for a cache folder that libraries must not be opened
// from, because another user owns it or may write to it. It does not judge a folder
// that $ETUDE_HOME or [Options.Home] names: the user who names one trusts those who fill it.
func trusted(dir string) error {
	if err := entered(dir); err != nil {
		return err
	}
	for _, stat := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} { // a link can be another user's, too
		info, err := stat(dir)
		if err != nil {
			return nil // nobody has made it yet
		}
		if err := wholefile.CheckOwner(info); err != nil {
			return fmt.Errorf("%s %w: remove it, or set ETUDE_HOME to a folder of your own", dir, err)
		}
	}
	return nil
}

// The values of Installation.Origin besides the names of variables.
const (
	bySetup  = "setup"
	byOption = "setup --libtorch"
)

// record is libtorch.json: the libtorch that the user named.
type record struct {
	Libtorch string `json:"libtorch"`
}

const recordFile = "libtorch.json"

// readRecord returns the recorded libtorch of a home, "" if there is none.
func readRecord(home string) (string, error) {
	path := filepath.Join(home, recordFile)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("libtorch: %s is not a regular file: remove it and %s", path, setupHint)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil || r.Libtorch == "" {
		return "", fmt.Errorf("libtorch: %s names no libtorch: remove it and %s", path, setupHint)
	}
	return r.Libtorch, nil
}

// writeRecord replaces libtorch.json in one step.
func writeRecord(home, dir string) error {
	text, err := json.Marshal(record{Libtorch: dir})
	if err == nil {
		err = os.MkdirAll(home, 0o755)
	}
	if err != nil {
		return fmt.Errorf("libtorch: %w", err)
	}
	err = wholefile.Replace(filepath.Join(home, recordFile), func(w io.Writer) error {
		if f, ok := w.(*os.File); ok {
			if err := keepOthersOut(f); err != nil {
				return err
			}
		}
		_, err := w.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("libtorch: %s: %w", filepath.Join(home, recordFile), err)
	}
	return nil
}

// locate finds everything, or returns an error about the first thing that is missing.
// A library that is cut short is an error too.
func (s *search) locate() (*Installation, torchDir, error) {
	inst, t, err := s.find()
	for _, path := range []string{filepath.Join(t.dir, "lib", "libtorch_cpu.so"), inst.Bridge} {
		if err == nil {
			err = whole(path)
		}
	}
	if err != nil {
		return nil, t, err
	}
	return inst, t, nil
}

// find is locate without a look into the files.
func (s *search) find() (*Installation, torchDir, error) {
	t, err := s.findTorch()
	inst := &Installation{Libtorch: t.dir, Version: t.version, Origin: t.origin}
	if err != nil {
		return inst, t, err
	}
	if inst.Bridge, inst.Home = s.findLibrary(t, mainBridge); inst.Bridge == "" {
		return inst, t, fmt.Errorf("libtorch: the bridge for libtorch %s in %s: %w", t.version, t.dir, ErrNotInstalled)
	}
	inst.CUDABridge, _ = s.findLibrary(t, cudaBridge)
	inst.DistBridge, _ = s.findLibrary(t, distBridge)
	inst.ONNXRuntime = s.findONNXRuntime(t)
	return inst, t, nil
}

// findTorch finds the libtorch to use: the one that is named for this process, then
// that of the first home that has one. One that is named and cannot be used is an
// error.
func (s *search) findTorch() (torchDir, error) {
	if s.given != "" {
		t, err := openTorch(s.given)
		if err != nil {
			return torchDir{}, fmt.Errorf("libtorch: %s: %w", s.origin, err)
		}
		t.origin = s.origin
		return t, nil
	}
	for _, home := range s.homes {
		if t, err := torchIn(home); !errors.Is(err, ErrNotInstalled) {
			return t, err
		}
	}
	return torchDir{}, fmt.Errorf("libtorch: %w", ErrNotInstalled)
}

// torchIn finds the libtorch of one home: the one that the user named, then the
// installed ones, that with CUDA first.
func torchIn(home string) (torchDir, error) {
	dir, err := readRecord(home)
	if err != nil {
		return torchDir{}, err
	}
	if dir != "" {
		t, err := openTorch(dir)
		if err != nil {
			return torchDir{}, fmt.Errorf("libtorch: %s: %w; name another with `etude setup --libtorch DIR`, or install one with `etude setup --force`",
				filepath.Join(home, recordFile), err)
		}
		t.origin = byOption
		return t, nil
	}
	for _, cuda := range []bool{true, false} {
		if t, err := openTorch(filepath.Join(home, wheelFolder(cuda))); err == nil {
			t.origin = bySetup
			return t, nil
		}
	}
	return torchDir{}, ErrNotInstalled
}

// first returns the first safe file in its place in a home, and that home.
func (s *search) first(place func(home string) string) (path, home string) {
	for _, home := range s.homes {
		if path := place(home); isSafeFile(path) {
			return path, home
		}
	}
	return "", ""
}

// findLibrary finds a compiled library and the home that holds it.
func (s *search) findLibrary(t torchDir, l library) (path, home string) {
	return s.first(func(home string) string { return s.sources.libraryPath(home, t, l) })
}

// findProbe finds the prober; "" if there is none.
func (s *search) findProbe() string {
	path, _ := s.first(probePath)
	return path
}

// findONNXRuntime returns what $ETUDE_ONNXRUNTIME names, or what it finds in the homes
// or in the site-packages folder that holds t; "" if there is none.
func (s *search) findONNXRuntime(t torchDir) string {
	if path := os.Getenv("ETUDE_ONNXRUNTIME"); path != "" {
		return path
	}
	path, _ := s.first(func(home string) string { return filepath.Join(home, onnxRuntimeFolder, onnxRuntimeFile) })
	if path == "" && t.dir != "" {
		if beside := filepath.Join(filepath.Dir(t.dir), "onnxruntime", "capi", onnxRuntimeFile); isFile(beside) {
			return beside
		}
	}
	return path
}

// writableHome returns the home that takes what is missing.
func (s *search) writableHome() (string, error) {
	var first error
	for _, home := range s.homes {
		err := mayWrite(home)
		if err == nil {
			return home, nil
		}
		first = cmp.Or(first, fmt.Errorf("libtorch: something is missing and %s cannot be written: %w; set ETUDE_HOME to a folder that you may write", home, err))
	}
	return "", first
}

// mayWrite returns an error if files cannot be made in the folder, or if it does not
// exist, in the nearest one above it that does.
func mayWrite(dir string) error {
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is not a folder", dir)
		case err == nil:
			return accessible(dir)
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return err
		}
		dir = parent
	}
}

// Locate finds what is installed. It reads a few small files, runs nothing and
// writes nothing. It fails if libtorch or the bridge is missing
// ([ErrNotInstalled]) or unusable; a missing ONNX Runtime is not a failure.
func Locate() (*Installation, error) {
	s, err := newSearch("")
	if err != nil {
		return nil, err
	}
	inst, _, err := s.locate()
	return inst, err
}

// LocateONNXRuntime finds ONNX Runtime's shared library alone: inference needs
// no libtorch.
func LocateONNXRuntime() (string, error) {
	s, err := newSearch("")
	if err != nil {
		return "", err
	}
	t, _ := s.findTorch() // only to look beside it
	if path := s.findONNXRuntime(t); path != "" {
		if err := whole(path); err != nil {
			return "", fmt.Errorf("libtorch: ONNX Runtime: %w (`etude setup` installs it, $ETUDE_ONNXRUNTIME names another)", err)
		}
		return path, nil
	}
	return "", fmt.Errorf("libtorch: ONNX Runtime %s: %w", onnxRuntimeVersion, ErrNotInstalled)
}
