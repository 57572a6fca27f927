// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch/torchtest"
)

// copies writes the shared files of emotion and melody n times to a new data folder. Each copy
// ends in bytes of its own that readers pass over: a cache knows files by their content.
func copies(b *testing.B, n int) string {
	to := b.TempDir()
	for _, kind := range []string{"audio", "midi"} {
		from, folder := torchtest.SharedData(b, "training", kind), filepath.Join(to, "training", kind)
		require.NoError(b, os.MkdirAll(folder, 0o755))
		entries, err := os.ReadDir(from)
		require.NoError(b, err)
		for _, e := range entries {
			content, err := os.ReadFile(filepath.Join(from, e.Name()))
			require.NoError(b, err)
			switch e.Name() {
			case "labels.csv":
				content = repeatCSV(content, n)
			case "emotion_labels.json":
				content = repeatJSON(b, content, n)
			default:
				for i := range n {
					end := fmt.Appendf(nil, "TAG%-125d", i) // ID3v1
					if kind == "midi" {
						end = binary.BigEndian.AppendUint32([]byte("copy\x00\x00\x00\x04"), uint32(i)) // a chunk
					}
					require.NoError(b, os.WriteFile(filepath.Join(folder, fmt.Sprint(i, "-", e.Name())), append(content[:len(content):len(content)], end...), 0o644))
				}
				continue
			}
			require.NoError(b, os.WriteFile(filepath.Join(folder, e.Name()), content, 0o644))
		}
	}
	return to
}

func repeatCSV(content []byte, n int) []byte {
	head, rows, _ := strings.Cut(string(content), "\n")
	out := head + "\n"
	for i := range n {
		for row := range strings.Lines(rows) {
			out += fmt.Sprint(i, "-", row)
		}
	}
	return []byte(out)
}

func repeatJSON(b *testing.B, content []byte, n int) []byte {
	var labels map[string]any
	require.NoError(b, json.Unmarshal(content, &labels))
	many := map[string]any{}
	for name, label := range labels {
		for i := range n {
			many[fmt.Sprint(i, "-", name)] = label
		}
	}
	out, err := json.Marshal(many)
	require.NoError(b, err)
	return out
}

// sample holds how long a program took, the most memory that it held without its children, and
// the processor time that it took with them.
type sample struct{ seconds, megabytes, processor float64 }

func command(b *testing.B, environment []string, name string, args ...string) (took sample, said string) {
	cmd := exec.CommandContext(b.Context(), name, args...)
	cmd.Env = append(os.Environ(), environment...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	start, ended := time.Now(), make(chan error)
	require.NoError(b, cmd.Start())
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			require.NoError(b, err, "%s %v: %s", name, args, &complaints)
			took.seconds = time.Since(start).Seconds()
			took.processor = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
			return took, out.String()
		case <-time.After(10 * time.Millisecond):
			// Rusage would count the memory of this process, from which the other one was forked.
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
				kilobytes, _ := strconv.ParseFloat(strings.Fields(after)[0], 64)
				took.megabytes = kilobytes / 1024
			}
		}
	}
}

// BenchmarkJob times the whole job, features and 50 epochs of emotion and melody on eight
// copies of the shared files, with an empty cache and a full one, and programs that start and
// answer once, beside Python.
func BenchmarkJob(b *testing.B) {
	torchtest.Need(b)
	python, times, rounds := torchtest.Python(b), 8, 3
	if testing.Short() {
		times, rounds = 2, 1
	}
	if out, err := exec.CommandContext(b.Context(), python, "-c", "import librosa, mido").CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		section("Whole job", nil, "left out: "+lines[len(lines)-1])
		b.Skip("the Python of ETUDE_TEST_PYTHON lacks librosa or mido")
	}
	folder, etude := copies(b, times), filepath.Join(b.TempDir(), "etude")
	command(b, nil, "go", "build", "-o", etude, "../etude")
	clip, err := filepath.Glob(filepath.Join(folder, "training", "audio", "0-*.wav"))
	require.NoError(b, err)
	require.NotEmpty(b, clip)

	names := []string{"cold cache", "warm cache", "start, infer a file", "start alone (--version, import torch)"}
	took := map[string][]float64{}
	add := func(name string, ours, theirs sample) {
		took[name] = append(took[name], ours.seconds)
		took[name+", Python"] = append(took[name+", Python"], theirs.seconds)
		took[name+", MB"] = append(took[name+", MB"], ours.megabytes)
		took[name+", MB, Python"] = append(took[name+", MB, Python"], theirs.megabytes)
	}
	for range rounds {
		dir := b.TempDir()
		for _, d := range []string{"ours", "theirs"} {
			require.NoError(b, os.Mkdir(filepath.Join(dir, d), 0o755))
		}
		environment := []string{"ETUDE_CACHE=" + filepath.Join(dir, "cache"), "OPENBLAS_NUM_THREADS=1"}
		for _, name := range names[:2] {
			ours, _ := command(b, environment, etude, "train", "emotion", "melody", "--data", folder, "--out", filepath.Join(dir, "ours", name),
				"--epochs", "50", "--patience", "50", "--batch-size", "64", "--json")
			theirs, said := command(b, environment, python, "job.py", "train", folder, filepath.Join(dir, "theirs"), filepath.Join(dir, "theirs"))
			add(name, ours, theirs)
			if len(took[name]) == 1 && name == names[0] {
				sameSamples(b, folder, said)
			}
		}
		ours, _ := command(b, environment, etude, "infer", filepath.Join(dir, "ours", names[0], "emotion", "model.pt"), clip[0])
		theirs, _ := command(b, environment, python, "job.py", "infer", filepath.Join(dir, "theirs", "emotion.pt"), clip[0])
		add(names[2], ours, theirs)
		ours, _ = command(b, environment, etude, "--version")
		theirs, _ = command(b, environment, python, "-c", "import torch")
		add(names[3], ours, theirs)
	}
	rows := [][]string{{"", "ours", "Python", "Python / ours", "memory: ours", "Python"}}
	for _, name := range names {
		rows = append(rows, []string{name, spread(took[name], "%.2f") + " s", spread(took[name+", Python"], "%.2f") + " s",
			spread(ratios(took[name+", Python"], took[name]), "%.1f"), spread(took[name+", MB"], "%.0f") + " MB", spread(took[name+", MB, Python"], "%.0f") + " MB"})
	}
	section(fmt.Sprintf("Whole job: features and 50 epochs of emotion and melody, %d copies of the shared files; starts", times), rows)
	growth(b, times)
	b.ReportMetric(0, "ns/op") // it means nothing here
}

// sameSamples compares what Python says of its samples with ours: as many, and the means to
// 1e-3, which decoders of MP3 and resamplers differ by at most.
func sameSamples(b *testing.B, folder, said string) {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	require.Len(b, lines, 2)
	for i, name := range []string{"emotion", "melody"} {
		spec, err := models.ByName(name)
		require.NoError(b, err)
		s, err := spec.Source.Samples(b.Context(), folder, dataset.Options{})
		require.NoError(b, err)
		var n int
		var x, y, loss float64
		_, err = fmt.Sscan(lines[i], &n, &x, &y, &loss)
		require.NoError(b, err)
		require.Equal(b, s.Len(), n, name)
		require.InDelta(b, mean(s.X), x, 1e-3, "%s, inputs", name)
		require.InDelta(b, mean(s.Y), y, 1e-3, "%s, targets", name)
	}
}

func mean(values []float32) (sum float64) {
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}

// growth reports what a file costs in folders of more and more files, without a cache.
func growth(b *testing.B, most int) {
	rows := [][]string{{""}, {"emotion"}, {"melody"}}
	for n := 1; n <= most; n *= 2 {
		folder := copies(b, n)
		rows[0] = append(rows[0], fmt.Sprintf("× %d", n))
		for i := range rows[1:] {
			spec, err := models.ByName(rows[i+1][0])
			require.NoError(b, err)
			var ms []float64
			var files int
			for range 5 {
				start := time.Now()
				s, err := spec.Source.Samples(b.Context(), folder, dataset.Options{})
				require.NoError(b, err)
				files = s.Len() + len(s.Skipped)
				ms = append(ms, time.Since(start).Seconds()*1e3/float64(files))
			}
			rows[i+1] = append(rows[i+1], fmt.Sprintf("%s ms × %d", spread(ms, "%.2f"), files))
		}
	}
	section("Growth with files: features, milliseconds a file", rows)
}
