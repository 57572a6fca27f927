// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/internal/ctorch/bridge"
)

// world is an environment in which Setup finds only what a test puts there: an empty home and cache, and a PATH with scripts that stand in for the
// compiler and for pip. Each appends its arguments to a log.
type world struct {
	t                       *testing.T
	home, cache, bin, state string
}

func newWorld(t *testing.T) *world {
	if err := checkPlatform(); err != nil {
		t.Skip(err)
	}
	root := t.TempDir()
	w := &world{t, filepath.Join(root, "home"), filepath.Join(root, "cache"), filepath.Join(root, "bin"), filepath.Join(root, "state")}
	for _, dir := range []string{w.bin, w.state} {
		require.NoError(t, os.Mkdir(dir, 0o755))
	}
	for key, value := range map[string]string{
		"PATH": w.bin, "STATE": w.state, "ETUDE_HOME": w.home, "XDG_CACHE_HOME": w.cache,
		"ETUDE_LIBTORCH": "", "LIBTORCH": "", "CXX": "", "CUDA_HOME": "", "OMP_NUM_THREADS": "1",
	} {
		t.Setenv(key, value)
	}
	release := filepath.Join(root, "os-release")
	require.NoError(t, os.WriteFile(release, []byte("ID=debian\n"), 0o644))
	old := osReleaseFile
	osReleaseFile = release
	t.Cleanup(func() { osReleaseFile = old })
	w.script("g++", fakeCompiler)
	w.script("python3", fakePip)
	w.wheels()
	return w
}

// fakeCompiler makes every output a program that answers like the prober. It
// fails like a compiler on the source that $STATE/fail names.
var fakeCompiler = `echo "g++ $*" >>$STATE/log
[ "$1" = --version ] && echo "g++ (fake) 12.2" && exit
while [ $# -gt 0 ]; do
	case $1 in
	-o) out=$2 ;;
	*/*.cpp) [ -e $STATE/fail ] && read bad <$STATE/fail && case $1 in */$bad) echo "$1:7:1: error: boom"; exit 1 ;; esac ;;
	esac
	shift
done
printf '#!/bin/sh\nfor f; do echo "ok $f"; done\necho "abi ` + strconv.Itoa(bridge.ABI) + `"\necho "onnxruntime 1.32.0"\n' >"$out"
/bin/chmod +x "$out"
`

// fakePip copies wheels from $STATE. $STATE/pip, if it is there, is run first.
const fakePip = `echo "pip $*" >>$STATE/log
[ "$3" = --version ] && echo "pip 23.2.1 from here" && exit
while [ $# -gt 0 ]; do
	case $1 in
	--dest) dest=$2 ;;
	--requirement) read requirement <"$2" ;;
	esac
	shift
done
echo "wheel $requirement" >>$STATE/log
[ -e $STATE/pip ] && . $STATE/pip
/bin/cp $STATE/${requirement%%==*}.whl "$dest/"
`

func (w *world) script(name, text string) {
	w.write(filepath.Join(w.bin, name), "#!/bin/sh\n"+text, 0o755)
}

func (w *world) write(path, text string, mode fs.FileMode) {
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(w.t, os.WriteFile(path, []byte(text), mode))
}

// tell writes a file that the scripts read.
func (w *world) tell(name, text string) { w.write(filepath.Join(w.state, name), text+"\n", 0o644) }

// log returns the lines of the log that begin with a word.
func (w *world) log(word string) []string {
	text, err := os.ReadFile(filepath.Join(w.state, "log"))
	if err != nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, word+" ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// wheels makes small wheels in the shape of the real ones.
func (w *world) wheels() {
	for _, one := range append(torchWheels(true), onnxRuntimeWheel) {
		files := map[string]string{
			"nvidia/cu13/lib/lib" + one.name + ".so.13":         "library",
			"nvidia/cu13/lib/lib" + one.name + ".a":             "not needed",
			"nvidia/cu13/include/" + one.name + ".h":            "header",
			one.name + "-" + one.version + ".dist-info/LICENSE": "licence",
		}
		switch one.name {
		case "torch":
			files = map[string]string{"torch/nn/modules.py": "not needed", "torch/lib/libtorch_python.so": "not needed",
				"torch/lib/libtorch_cuda.so": "for CUDA", "torch-2.15.0.dist-info/LICENSE": "licence"}
			for name, text := range torchFiles("2.15.0+cu132") {
				files["torch/"+name] = text
			}
			files["torch/lib/libgfortran.so.5"] = "not needed"
		case "nvidia-cuda-cupti":
			files["nvidia/cu13/lib/libnvperf_host.so"] = "for the counters of GPUs"
			files["nvidia/cu13/lib/libnvperf_target.so"] = "not needed"
		case "nvidia-cusolver":
			files["nvidia/cu13/lib/libcusolverMg.so.12"] = "not needed"
		case "onnxruntime":
			files = map[string]string{"onnxruntime/capi/" + onnxRuntimeFile: "library", "onnxruntime/LICENSE": "licence",
				"onnxruntime/capi/onnxruntime_pybind11_state.so": "not needed"}
		}
		writeZip(w.t, filepath.Join(w.state, one.name+".whl"), files)
	}
}

func writeZip(t *testing.T, path string, files map[string]string) {
	f, err := os.Create(path)
	require.NoError(t, err)
	z := zip.NewWriter(f)
	for name, text := range files {
		entry, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		require.NoError(t, err)
		_, err = fmt.Fprint(entry, text)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
}

// torchFiles are what makes a folder a libtorch.
func torchFiles(version string) map[string]string {
	return map[string]string{
		"lib/libtorch_cpu.so": "library", "lib/libc10.so": cxx11Library(), "include/ATen/ATen.h": "header",
		"include/torch/csrc/api/include/torch/version.h":  "header",
		"include/torch/csrc/distributed/c10d/reducer.hpp": "header", "include/torch/csrc/distributed/c10d/ProcessGroupGloo.hpp": "header",
		"version.py": "__all__ = []\n__version__ = '" + version + "'\n",
	}
}

// cxx11Library is a file that passes for a libc10.so with the C++11 ABI: the
// system's C++ library has the symbols.
func cxx11Library() string {
	for _, path := range []string{"/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/lib64/libstdc++.so.6", "/usr/lib/libstdc++.so.6"} {
		if text, err := os.ReadFile(path); err == nil {
			return string(text)
		}
	}
	return ""
}

// libtorch writes a libtorch that stands outside the home.
func (w *world) libtorch(version string) string {
	dir := filepath.Join(w.t.TempDir(), "site-packages")
	for name, text := range torchFiles(version) {
		w.write(filepath.Join(dir, "torch", name), text, 0o644)
	}
	return dir
}

// tree lists the files below a folder with size and time, folders with a slash.
func (w *world) tree(dir string) []string {
	var all []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		name, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		require.NoError(w.t, err)
		all = append(all, fmt.Sprintf("%s %d %v %v", name, info.Size(), info.ModTime().UnixNano(), info.Mode()))
		return nil
	})
	return all
}

// halfMade lists what an interrupted setup must not leave: anything in tmp, or
// a folder or library in its place.
func (w *world) halfMade() []string {
	var found []string
	for _, pattern := range []string{"tmp/*", "libtorch-*", "onnxruntime-*", "bridge/*", recordFile} {
		names, err := filepath.Glob(filepath.Join(w.home, pattern))
		require.NoError(w.t, err)
		found = append(found, names...)
	}
	return found
}
