// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/crash"
	"github.com/etude-ml/etude/torch/torchtest"
)

// A run that is refused, because another saves to the folder, changes nothing there.
func TestARefusedRunChangesNothing(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	first := launch(t, "train", "melody", "--data", data, "--out", out, "--epochs", "100000", "--patience", "100000")
	config := filepath.Join(out, "melody/config.json")
	first.Until(t, time.Minute, func() bool {
		_, err := os.Stat(filepath.Join(out, "melody/best.pt"))
		return err == nil
	})
	before := read(t, config)
	r := run(t, "train", "melody", "--data", data, "--out", out, "--epochs", "2", "--seed", "7")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "another run saves to")
	assert.NotContains(t, r.stderr, "is replaced")
	assert.Equal(t, string(before), string(read(t, config)))
	assert.FileExists(t, filepath.Join(out, "melody/best.pt"))
	require.NoError(t, first.Process.Signal(os.Interrupt))
	assert.Equal(t, 130, first.End())
	assert.Equal(t, 0, run(t, "train", "melody", "--out", out, "--resume", "--epochs", "1").code, "it can be continued as it was")
}

// The summary describes the present files, not those that a failed training replaced.
func TestSummaryIsNotStale(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	require.Equal(t, 0, run(t, "train", "emotion", "melody", "--data", data, "--out", out, "--epochs", "1", "--keep-best", "1").code)
	kept, err := filepath.Glob(filepath.Join(out, "emotion/best-*.pt"))
	require.NoError(t, err)
	require.NotEmpty(t, kept)
	r := run(t, "train", "emotion", "--data", data, "--out", out, "--epochs", "3", "--lr", "1e30", "--force")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "is replaced")
	summary := parseFile(t, filepath.Join(out, "summary.json"))
	assert.NotContains(t, summary, "emotion")
	assert.Contains(t, summary, "melody")
	assert.NoFileExists(t, kept[0])
}

// What is wrong with one network's folder is found at once, and ends no other.
func TestBrokenRunFolders(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(out, "emotion"), []byte("a file"), 0o666))
	r := run(t, "train", "emotion", "melody", "--data", data, "--out", out, "--epochs", "1", "--json")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "1 of 2 networks failed: emotion")
	assert.Contains(t, parse(t, r.stdout), "melody")

	// A broken config.json of an earlier run is no matter to a new one.
	require.NoError(t, os.WriteFile(filepath.Join(out, "melody/config.json"), []byte("{"), 0o666))
	assert.Equal(t, 0, run(t, "train", "melody", "--data", data, "--out", out, "--epochs", "1", "--force").code)

	// A broken summary.json is rebuilt with the other networks' entries.
	summary := filepath.Join(out, "summary.json")
	melody := parseFile(t, summary)["melody"]
	require.NoError(t, os.WriteFile(summary, []byte("{"), 0o666))
	r = run(t, "train", "dynamics", "--data", data, "--out", out, "--epochs", "1")
	assert.Equal(t, 0, r.code, r.stderr)
	assert.Regexp(t, `dynamics: .*summary\.json was damaged and is built anew`, r.stderr)
	assert.Equal(t, melody, parseFile(t, summary)["melody"])
	assert.Contains(t, parseFile(t, summary), "dynamics")

	require.NoError(t, os.Remove(summary))
	require.NoError(t, os.Mkdir(summary, 0o777))
	r = run(t, "train", "groove", "--data", data, "--out", out, "--epochs", "1")
	assert.Equal(t, 1, r.code)
	assert.Regexp(t, `groove: .*summary\.json`, r.stderr, "it says which network, and which file")
	assert.NotContains(t, r.stderr, "training …", "found before the work")
}

// A finished training is replaced only with --force.
func TestAFinishedRunStays(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	args := []string{"train", "melody", "--data", data, "--out", out, "--epochs", "1", "--keep-best", "1", "--seed"}
	require.Equal(t, 0, run(t, append(args, "1")...).code)
	content := func() map[string]string {
		files := map[string]string{}
		require.NoError(t, filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files[path] = string(read(t, path))
			}
			return err
		}))
		return files
	}
	before := content()
	for _, others := range [][]string{nil, {"dynamics"}} {
		r := run(t, slices.Concat(args[:2], others, args[2:], []string{"2"})...)
		assert.Equal(t, 1, r.code)
		for _, text := range []string{out, "melody", "--force", "--resume", "--out"} {
			assert.Contains(t, r.stderr, text)
		}
		assert.Empty(t, r.stdout)
	}
	assert.Equal(t, before, content())

	// Others go beside it, and it can be replaced: of the earlier one nothing is left.
	require.Equal(t, 0, run(t, "train", "dynamics", "--data", data, "--out", out, "--epochs", "1").code)
	r := run(t, append(args, "2", "--force")...)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, "is replaced")
	for path, was := range before {
		if now, err := os.ReadFile(path); err == nil && filepath.Base(path) != "history.png" {
			assert.NotEqual(t, was, string(now), path)
		}
	}
	kept, err := filepath.Glob(filepath.Join(out, "melody/best-*.pt"))
	require.NoError(t, err)
	assert.Len(t, kept, 1)
	assert.Contains(t, parseFile(t, filepath.Join(out, "summary.json")), "dynamics")

	r = run(t, append(args, "2", "--force", "--resume")...)
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "--force begins anew and --resume continues")
}

// A changed config.json is refused: with other settings another training would be taken
// for the one that the run began.
func TestAChangedConfigIsNoticed(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	require.Equal(t, 0, run(t, "train", "melody", "--data", data, "--out", out, "--epochs", "2", "--patience", "9").code)
	config := filepath.Join(out, "melody/config.json")
	was := string(read(t, config))
	for _, changed := range []string{
		strings.Replace(was, `"patience": 9`, `"patience": 1`, 1), strings.Replace(was, `"patience"`, `"qatience"`, 1),
		strings.Replace(was, `"threads": 1`, `"threads": 9`, 1), "{",
	} {
		require.NotEqual(t, was, changed)
		require.NoError(t, os.WriteFile(config, []byte(changed), 0o600))
		for _, args := range [][]string{
			{"train", "melody", "--out", out, "--resume", "--epochs", "4"},
			{"export", filepath.Join(out, "melody/model.pt"), "-o", filepath.Join(t.TempDir(), "m.onnx")},
			{"evaluate", filepath.Join(out, "melody"), "--data", data},
		} {
			r := run(t, args...)
			assert.Equal(t, 1, r.code, "%v: %s", args, r.stdout)
			assert.Contains(t, r.stderr, "config.json was changed since the run wrote it")
		}
	}
	require.NoError(t, os.Remove(config))
	r := run(t, "train", "melody", "--data", data, "--out", out, "--resume", "--epochs", "3", "--patience", "9")
	assert.Equal(t, 0, r.code, r.stderr)
}

// Labels on another scale are refused as a whole, and the error explains how to fix them.
func TestLabelsOnAnotherScale(t *testing.T) {
	torchtest.Need(t)
	data := corpus(t)
	path := filepath.Join(data, "training/midi/emotion_labels.json")
	var labels map[string]map[string]any
	require.NoError(t, json.Unmarshal(read(t, path), &labels))
	i := 0.0
	for _, l := range labels {
		l["valence"], l["arousal"] = 1+float64(int(i)%9), 9-float64(int(i)%9)
		i++
	}
	text, err := json.Marshal(labels)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o666))
	r := run(t, "train", "melody", "--data", data, "--out", t.TempDir(), "--epochs", "1")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "valence lies in 1 to 9")
	assert.Contains(t, r.stderr, "subtract 5 and divide by 4")
}

func TestNamesThatAreNotUTF8(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("file names are not bytes here")
	}
	path := filepath.Join(t.TempDir(), "caf\xe9.mid")
	midi, err := filepath.Glob(filepath.Join(corpus(t), "training/midi/*.mid"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, read(t, midi[0]), 0o666))
	r := run(t, "features", "melody", path)
	assert.Equal(t, 0, r.code, r.stdout)
	assert.True(t, bytes.Contains([]byte(r.stdout), []byte(`"error":null`)))
}

func TestOutputsAreFiles(t *testing.T) {
	data := corpus(t)
	folder := t.TempDir()
	for _, path := range []string{folder, os.DevNull} {
		r := run(t, "validate", "--data", data, "--html", path)
		assert.Equal(t, 1, r.code, path)
		assert.Contains(t, r.stderr, "something else than a file", path)
	}
	r := run(t, "validate", "--data", data, "--html", filepath.Join(folder, "none", "page.html"))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "make it first")
	r = run(t, "train", "melody", "--data", data, "--out", folder, "--threads", "100000")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "--threads is 100000")
}

// A result that cannot be written because the disk is full is a failure, in a table and in
// JSON. A reader that ends early is no failure and is not reported.
func TestResultsThatCannotBeWritten(t *testing.T) {
	for _, args := range [][]string{{"import", "--list"}, {"import", "--list", "--json"}} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err)
		}
		cmd := exec.Command(etude, args...)
		var stderr strings.Builder
		cmd.Stdout, cmd.Stderr = full, &stderr
		_ = cmd.Run()
		require.NoError(t, full.Close())
		assert.Equal(t, 1, cmd.ProcessState.ExitCode(), args)
		assert.Contains(t, stderr.String(), "no space left on device")

		read, write, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, read.Close())
		cmd = exec.Command(etude, args...)
		stderr.Reset()
		cmd.Stdout, cmd.Stderr = write, &stderr
		_ = cmd.Run()
		require.NoError(t, write.Close())
		assert.Equal(t, 141, cmd.ProcessState.ExitCode(), args)
		assert.Empty(t, stderr.String())
	}
}

// A crash must not pass for wrong usage, which ends with 2.
func TestACrashHasItsOwnExitCode(t *testing.T) {
	torchtest.Need(t)
	data := corpus(t)
	for _, s := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGQUIT} {
		out := t.TempDir()
		p := launch(t, "train", "dynamics", "--data", data, "--out", out, "--epochs", "1000000", "--patience", "1000000")
		p.Until(t, time.Minute, func() bool { _, err := os.Stat(filepath.Join(out, "dynamics/last.pt")); return err == nil })
		require.NoError(t, p.Process.Signal(s))
		assert.Equal(t, crash.ExitCode, p.End(), s)
		assert.Contains(t, p.Said(), "goroutine ")
	}
}

// libtorch's oneMKL ends the process with 2 when it finds no current folder.
func TestTheCurrentFolderIsGone(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	gone := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(gone, 0o777))
	p := torchtest.Start(t, exec.Command("sh", "-c", `cd "$1" && rmdir "$1" && shift && exec "$@"`, "sh", gone,
		etude, "train", "dynamics", "--data", data, "--out", out, "--epochs", "1"), nil)
	assert.Equal(t, 1, p.End(), p.Said())
	assert.Contains(t, p.Said(), "the current folder")
}

// Names come from anywhere: one neither begins a line of its own, nor commands the
// terminal, nor turns the direction of writing, wherever it is printed.
func TestNamesAreEscaped(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	const forged = "etude: Everything is well"
	names := map[string]string{
		"bad\n" + forged + ".wav":     `bad\n` + forged + `.wav`,
		"c1 \u009b31m.wav":            `c1 \u009b31m.wav`,
		"bidi \u202evaw.elif.wav":     `bidi \u202evaw.elif.wav`,
		"isolate \u2066 esc\x1bc.wav": `isolate \u2066 esc\x1bc.wav`,
	}
	labels := filepath.Join(data, "training/audio/labels.csv")
	table := string(read(t, labels))
	columns := strings.Count(table[:strings.Index(table, "\n")], ",")
	for name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(data, "training/audio", name), []byte("RIFF"), 0o600))
		table += `"` + name + `",0.5,0.5` + strings.Repeat(",", columns-2) + "\n"
	}
	require.NoError(t, os.WriteFile(labels, []byte(table), 0o600))
	safe := func(text string) {
		t.Helper()
		for line := range strings.SplitSeq(text, "\n") {
			assert.False(t, strings.HasPrefix(line, forged), "%q", line)
			assert.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", line)
		}
	}
	shown := func(text string) {
		t.Helper()
		safe(text)
		for _, name := range names {
			assert.Contains(t, text, name)
		}
	}
	shown(run(t, "validate", "--data", data).stdout)
	shown(run(t, "train", "emotion", "--data", data, "--out", out, "--epochs", "1").stderr)
	for _, args := range [][]string{
		{"validate", "--data", data, "--json"}, {"train", "emotion", "--data", data, "--out", t.TempDir(), "--epochs", "1", "--json"},
	} {
		r := run(t, args...)
		safe(r.stdout)
		safe(r.stderr)
		for name := range names {
			text, err := json.Marshal(name)
			require.NoError(t, err)
			var want, got any
			require.NoError(t, json.Unmarshal(text, &want))
			require.NoError(t, json.Unmarshal([]byte(r.stdout), &got))
			assert.Contains(t, fmt.Sprint(got), want, "it reads back as it was")
		}
	}
	for name := range names {
		r := run(t, "features", "emotion", filepath.Join(data, "training/audio", name))
		safe(r.stdout)
		assert.Equal(t, filepath.Join(data, "training/audio", name), parse(t, r.stdout)["file"])
		for _, args := range [][]string{
			{"inspect", filepath.Join(data, "training/audio", name)},
			{"export", filepath.Join(out, "emotion/model.pt"), "-o", filepath.Join(t.TempDir(), name)},
			{"validate", "--data", filepath.Join(data, name)}, {"train", name}, {"--" + name},
			{"validate", "--data", data, "--html", filepath.Join(data, name, "page")},
		} {
			r := run(t, args...)
			safe(r.stdout)
			safe(r.stderr)
		}
	}
}
