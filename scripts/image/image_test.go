// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// each tests every image.
func each(t *testing.T, f func(t *testing.T, e engine, image string)) {
	e, images := need(t)
	for _, image := range images {
		t.Run(image, func(t *testing.T) { f(t, e, image) })
	}
}

// forCUDA reports whether this is the image with CUDA's libraries.
func forCUDA(c config) bool {
	return slices.Contains(c.Env, "NVIDIA_VISIBLE_DEVICES=all")
}

// anybody returns a user whom no image knows. Only root can make files for another
// user; otherwise it returns the user that runs the tests.
func anybody() (uid, gid int) {
	if os.Geteuid() == 0 {
		return 12345, 23456
	}
	return os.Getuid(), os.Getgid()
}

// hardest returns a container with a read-only root whose user has no name.
func hardest(image string, args ...string) container {
	uid, gid := anybody()
	return container{image: image, args: args, user: fmt.Sprintf("%d:%d", uid, gid), readOnly: true}
}

// fixtures returns a data folder: the real one beside the module if it is there,
// otherwise a small one that it composes.
func fixtures(t *testing.T) string {
	t.Helper()
	recorded := filepath.Join(torchtest.Root(t), "..", "shared", "data")
	if _, err := os.Stat(recorded); err == nil {
		return recorded
	}
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, demo.Write(context.Background(), dir, demo.Options{Seed: 1, Pieces: 8, Sections: 2}))
	return dir
}

func TestImageSaysWhatItIs(t *testing.T) {
	each(t, func(t *testing.T, e engine, image string) {
		c := e.inspect(t, image)
		assert.Regexp(t, `^[1-9][0-9]*:[1-9][0-9]*$`, c.User, "a number, so that Kubernetes can see that it is not root")
		assert.Equal(t, []string{"etude"}, c.Entrypoint)
		assert.Equal(t, "/runs", c.WorkingDir)
		assert.Contains(t, c.Env, "ETUDE_HOME=/opt/etude")
		for _, label := range []string{"title", "description", "source", "licenses", "version", "revision"} {
			assert.NotEmpty(t, c.Labels["org.opencontainers.image."+label], label)
		}
		r := run(t, e, hardest(image, "--version"))
		assert.Equal(t, "etude "+c.Labels["org.opencontainers.image.version"]+"\n", r.stdout)
		if forCUDA(c) {
			assert.Contains(t, c.Env, "NVIDIA_DRIVER_CAPABILITIES=compute,utility")
		}

		require.Greater(t, len(c.Healthcheck.Test), 1)
		assert.Equal(t, "CMD", c.Healthcheck.Test[0], "there need not be a shell")
		check := hardest(image, c.Healthcheck.Test[2:]...)
		check.entrypoint = c.Healthcheck.Test[1]
		r = run(t, e, check)
		assert.Equal(t, 0, r.code, r.stdout+r.stderr)
	})
}

// The images hold nothing that only serves to build, to test or to debug.
func TestImageHoldsWhatRunsAlone(t *testing.T) {
	each(t, func(t *testing.T, e engine, image string) {
		shell := func(script string) string {
			t.Helper()
			c := hardest(image, "-c", script)
			c.entrypoint = "sh"
			r := run(t, e, c)
			require.Equal(t, 0, r.code, r.stderr)
			return strings.TrimSpace(r.stdout)
		}
		assert.Empty(t, shell(`for c in python python3 pip gcc g++ cc c++ clang ld as go make curl wget; do command -v $c || true; done`))
		assert.NotEmpty(t, shell(`command -v find`))
		assert.Empty(t, shell(`find / -xdev \( -name '*.py' -o -name '*.whl' -o -name '*_test.go' -o -name '*.go' -o -name '*.cpp' \
			-o -name testdata -o -name '*.wav' -o -name '*.flac' -o -name '*.mp3' -o -name '*.mid' -o -name '*triton*' \) \
			! -path '/usr/share/*' ! -path '/opt/etude/*/torch/version.py' 2>/dev/null || true`))
		assert.Empty(t, shell(`find /opt/etude \( -name '*.h' -o -name '*.a' -o -name '*.o' -o -name include \)`))
		assert.Empty(t, shell(`find /opt/etude /usr/local \( -type f ! -perm -o=r -o -type d ! -perm -o=rx -o ! -type l -perm /go=w \)`), "read by all, written by none")
		for _, pattern := range []string{"/opt/etude/onnxruntime-*/LICENSE", "/opt/etude/libtorch-*/torch-*.dist-info", "/opt/etude/libtorch-*/nvidia_cuda_runtime-*.dist-info", "/usr/local/share/doc/etude/LICENSE", "/usr/local/share/doc/etude/go/LICENSE", "/usr/local/share/doc/etude/github.com/alecthomas/kong/*"} {
			assert.NotEmpty(t, shell(`ls -d `+pattern), "licences")
		}
	})
}

func TestImageDoctor(t *testing.T) {
	each(t, func(t *testing.T, e engine, image string) {
		r := run(t, e, hardest(image, "doctor", "--json"))
		assert.Equal(t, 0, r.code, r.stderr)
		var report struct {
			OK    bool
			Parts []struct{ Name, Status, Found, Problem string }
		}
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &report), r.stdout)
		assert.True(t, report.OK)
		cuda := ""
		for _, p := range report.Parts {
			assert.NotEqual(t, "error", p.Status, p)
			if p.Name == "CUDA" {
				cuda = p.Found + " " + p.Problem
			}
		}
		// There is no GPU in it: none on this machine, or none was asked for.
		assert.Contains(t, cuda, "NVIDIA GPU")
		if forCUDA(e.inspect(t, image)) {
			assert.Contains(t, cuda, "libtorch for CUDA")
		} else {
			assert.Contains(t, cuda, "libtorch for the CPU")
		}

		r = run(t, e, hardest(image, "train", "all", "--data", "/data", "--device", "cuda"))
		assert.Equal(t, 1, r.code)
		assert.Regexp(t, `(?i)cuda`, r.stderr, "the error names the device")
	})
}

// The demo runs in an ordinary container: it needs a writable root and nothing else.
func TestImageDemo(t *testing.T) {
	each(t, func(t *testing.T, e engine, image string) {
		r := run(t, e, container{image: image, args: []string{"demo"}})
		require.Equal(t, 0, r.code, r.stderr)
		for _, network := range models.All() {
			assert.Regexp(t, `(?m)^`+network.Name+` +\d+ `, r.stdout)
		}
	})
}

// A cluster runs a training with a user of its own, a read-only root, no network and
// two mounts. It is interrupted here, and continued by another container.
func TestImageTrainsIsInterruptedAndGoesOn(t *testing.T) {
	data := fixtures(t)
	each(t, func(t *testing.T, e engine, image string) {
		uid, gid := anybody()
		runs := t.TempDir()
		require.NoError(t, os.Chown(runs, uid, gid))
		train := func(args ...string) container {
			c := hardest(image, append([]string{"train", "all", "--out", "/runs/first"}, args...)...)
			c.mounts = []mount{{data, "/data", true}, {runs, "/runs", false}}
			return c
		}
		const noCache = "features are not kept: cache: mkdir /cache/etude: read-only file system"
		first := func(network string) string { return filepath.Join(runs, "first", network) }
		saved := func() (networks []string) {
			for _, spec := range models.All() {
				if _, err := os.Stat(filepath.Join(first(spec.Name), "last.pt")); err == nil {
					networks = append(networks, spec.Name)
				}
			}
			return networks
		}

		p := start(t, e, train("--data", "/data", "--epochs", "1000000", "--patience", "1000000"))
		p.wait(t, func() bool { return len(saved()) > 0 })
		p.signal(t, syscall.SIGTERM)
		require.Equal(t, 143, p.End(), p.Said())
		assert.Contains(t, p.Said(), noCache, "this is a warning and no failure")
		interrupted, most := saved(), 0
		for _, network := range interrupted {
			assert.Contains(t, p.Said(), network+": training: saved; --resume continues")
			list, err := trainer.ListCheckpoints(first(network))
			require.NoError(t, err)
			require.NotEmpty(t, list)
			assert.Equal(t, trainer.FileWhole, list[0].State)
			most = max(most, list[0].Epoch+1)
		}

		r := run(t, e, train("--data", "/data", "--resume", "--epochs", fmt.Sprint(most+2), "--patience", "1000000", "--json"))
		require.Equal(t, 0, r.code, r.stderr)
		var summary map[string]struct {
			Epochs  int
			Resumed bool
			ONNX    struct {
				MaxAbsDiff *float64 `json:"max_abs_diff"`
				Batches    []int
			}
		}
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &summary), r.stdout)
		require.Len(t, summary, len(models.All()))
		for network, entry := range summary {
			assert.Equal(t, slices.Contains(interrupted, network), entry.Resumed, network)
			assert.Equal(t, most+2, entry.Epochs, network)
			assert.FileExists(t, filepath.Join(first(network), "model.onnx"))
			require.NotNil(t, entry.ONNX.MaxAbsDiff, network)
			assert.Less(t, *entry.ONNX.MaxAbsDiff, 1e-4, network)
			assert.Greater(t, len(entry.ONNX.Batches), 1, network)
		}
		// No home folder was looked for, and every file that was written is the user's.
		assert.NotRegexp(t, `(?i)permission denied|read-only`, strings.ReplaceAll(p.Said()+r.stderr, noCache, ""))
		require.NoError(t, filepath.WalkDir(runs, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil {
				assert.EqualValues(t, uid, info.Sys().(*syscall.Stat_t).Uid, path)
			}
			return err
		}))
	})
}

// For a folder of outputs that belongs to another user, the error says what to do.
func TestImageMayNotWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a folder that is somebody else's")
	}
	data := fixtures(t)
	each(t, func(t *testing.T, e engine, image string) {
		runs := t.TempDir()
		require.NoError(t, os.Chmod(runs, 0o755))
		c := container{image: image, args: []string{"train", "dynamics", "--data", "/data", "--out", "/runs/first", "--epochs", "1"}}
		c.mounts = []mount{{data, "/data", true}, {runs, "/runs", false}}
		r := run(t, e, c)
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "/runs/first: permission denied")
		assert.Contains(t, r.stderr, `--user "$(id -u):$(id -g)"`)
	})
}
