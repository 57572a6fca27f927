// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch/internal/ctorch/bridge"
)

// library is one of the libraries compiled here. Its sources are the *.cpp of one
// folder, with the headers there and below; those at the top belong to each.
type library struct {
	name   string // of the file: lib<name>-….so
	folder string
	flags  []string // for the linker, after libtorch's own
}

var (
	mainBridge = library{name: "etude_bridge", folder: "."}
	// Some libraries only register kernels, and the linker must not drop them
	// because no symbol of theirs is used: without --no-as-needed, the default of
	// several distributions would leave a CUDA bridge without CUDA.
	cudaBridge    = library{name: "etude_cuda", folder: "cuda", flags: []string{"-Wl,--no-as-needed", "-ltorch_cuda", "-lc10_cuda"}}
	distBridge    = library{name: "etude_dist", folder: "dist"}
	pretendBridge = library{name: "etude_pretend", folder: "pretend"}
)

// compileFlags are for every source. NDEBUG is needed: without it the debug
// assertions in libtorch's headers disagree with the library.
var compileFlags = []string{
	"-std=c++20", "-O2", "-DNDEBUG", "-D_GLIBCXX_USE_CXX11_ABI=1",
	"-fPIC", "-fvisibility=hidden",
}

// vectorSource has the kernels of recorded steps. It is compiled once for each width of vectors,
// with the macros and flags of libtorch's own kernels, so that results have the same bits;
// the bridge chooses one of them as libtorch does, when it is loaded.
const vectorSource = "kernels.cpp"

// vectorWidths are in the order in which the linker takes them: of functions that several
// objects define it keeps the first, and a processor without wide vectors must not meet
// one that was compiled for them.
var vectorWidths = []unit{
	{object: "DEFAULT"},
	{object: "AVX2", flags: []string{"-mavx2", "-mfma", "-mf16c"}},
	{object: "AVX512", flags: []string{"-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx2", "-mfma", "-mf16c"}},
}

// vectorFlags are for all widths. Contraction would depend on the compiler.
var vectorFlags = []string{"-O3", "-ffp-contract=off", "-Wno-psabi"}

// unit is one run of the compiler.
type unit struct {
	source string // slash-separated path
	object string // the same without extension, and different for each unit
	flags  []string
}

// linkFlags are for every library. With --disable-new-dtags the path to this
// libtorch wins over another one on LD_LIBRARY_PATH.
var linkFlags = []string{
	"-shared", "-Wl,--disable-new-dtags", "-Wl,--allow-shlib-undefined",
	"-ltorch_cpu", "-lc10",
}

// probeSource is the prober's. It is a program, not a library.
//
//go:embed probe/probe.cpp
var probeSource []byte

// sources are the C++ files of all libraries, by slash-separated path.
type sources struct{ files map[string][]byte }

// embedded reads the sources of this program. It is a function, not a variable,
// because [Download] must not depend on them.
func embedded() (*sources, error) { return readSources(bridge.Files()) }

func readSources(files fs.FS) (*sources, error) {
	s := &sources{files: map[string][]byte{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ext := path.Ext(name); ext != ".cpp" && ext != ".h" {
			return nil
		}
		text, err := fs.ReadFile(files, name)
		s.files[name] = text
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("libtorch: the bridge's sources: %w", err)
	}
	return s, nil
}

// of lists the translation units of a library in the order in which they are linked.
func (s *sources) of(l library) []unit {
	var units, wide []unit
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		object := strings.TrimSuffix(name, ".cpp")
		switch {
		case path.Ext(name) != ".cpp" || path.Dir(name) != l.folder:
		case name == vectorSource:
			for _, w := range vectorWidths {
				macros := []string{"-DCPU_CAPABILITY=" + w.object, "-DCPU_CAPABILITY_" + w.object}
				wide = append(wide, unit{name, object + "_" + w.object, slices.Concat(vectorFlags, macros, w.flags)})
			}
		default:
			units = append(units, unit{source: name, object: object})
		}
	}
	return append(units, wide...)
}

// libraryPath returns where a home keeps a library for this libtorch. The name holds
// the libtorch version and a hash of what the result depends on: the sources, the
// flags and the folder in which the library looks for libtorch. The compiler is not
// part of it, because a machine that only runs the library may have none.
func (s *sources) libraryPath(home string, t torchDir, l library) string {
	h := sha256.New()
	put := func(text string) { fmt.Fprintf(h, "%d %s\n", len(text), text) }
	put(t.version)
	put(searchPath(home, t))
	for _, flags := range [][]string{compileFlags, linkFlags, l.flags} {
		put(strings.Join(flags, " "))
	}
	for _, u := range s.of(l) {
		put(strings.Join(u.flags, " "))
	}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		shared := path.Dir(name) == "." && path.Ext(name) == ".h"
		if shared || path.Dir(name) == l.folder || strings.HasPrefix(name, l.folder+"/") {
			put(name)
			put(string(s.files[name]))
		}
	}
	key := hex.EncodeToString(h.Sum(nil))[:16]
	return filepath.Join(home, "bridge", fmt.Sprintf("lib%s-%s-%s.so", l.name, t.version, key))
}

// searchPath returns where a library in this home looks for libtorch: relative to
// itself if both are in the home, so that a home may be moved or mounted elsewhere;
// otherwise the absolute path.
func searchPath(home string, t torchDir) string {
	lib := filepath.Join(t.dir, "lib")
	if rel, err := filepath.Rel(home, lib); err == nil && filepath.IsLocal(rel) {
		return "$ORIGIN/../" + filepath.ToSlash(rel)
	}
	return lib
}

// checkPath refuses a search path that the dynamic loader would read as something
// else: it splits paths at colons, and expands $ORIGIN, $LIB and $PLATFORM.
func checkPath(path string) error {
	if strings.ContainsAny(strings.TrimPrefix(path, "$ORIGIN"), ":$") {
		return errors.New("the dynamic loader cannot look for libraries in a path with ':' or '$': make a link to the folder under another path, and name that")
	}
	return nil
}

// includes returns the -I flags for a library.
func (t torchDir) includes(l library) []string {
	flags := []string{
		"-I" + filepath.Join(t.dir, "include"),
		"-I" + filepath.Join(t.dir, "include/torch/csrc/api/include"),
	}
	if l.name == cudaBridge.name {
		for _, dir := range t.cudaHeaders() {
			flags = append(flags, "-isystem", dir)
		}
	}
	return flags
}

// probePath returns where a home keeps the prober.
func probePath(home string) string {
	sum := sha256.Sum256(probeSource)
	return filepath.Join(home, "bridge", "etude_probe-"+hex.EncodeToString(sum[:])[:16])
}
