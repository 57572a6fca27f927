// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package search tests the examples beside it, with which search engines train: Optuna, Ray
// Tune, Katib and a Slurm array.
package search

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/etude-ml/etude/scripts/cli"
	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// bin is a folder with the command.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "search-test-")
	if err == nil {
		bin = dir
		os.Setenv("ETUDE", filepath.Join(dir, "etude"))
		os.Setenv("ETUDE_CACHE", filepath.Join(dir, "features"))
		os.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		var out []byte
		if out, err = exec.Command("go", "build", "-o", dir, "../../etude").CombinedOutput(); err != nil {
			err = fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func corpus(t *testing.T) string {
	t.Helper()
	torchtest.Need(t)
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, demo.Write(context.Background(), dir, demo.Options{Seed: 1, Pieces: 8, Sections: 2}))
	return dir
}

// python returns an interpreter that has a module: that of ETUDE_TEST_PYTHON, or python3.
func python(t *testing.T, module string) string {
	t.Helper()
	for _, name := range []string{os.Getenv("ETUDE_TEST_PYTHON"), "python3"} {
		if name != "" && exec.Command(name, "-c", "import "+module).Run() == nil {
			return name
		}
	}
	t.Skipf("neither the Python of ETUDE_TEST_PYTHON nor python3 has %s; pip installs it", module)
	return ""
}

// The best trial's loss is that of its own summary, and trials that are stopped have saved.
func TestOptuna(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	search := func(trials string) string {
		said, err := exec.Command(python(t, "optuna"), "search_optuna.py", corpus(t), out, "--trials", trials, "--epochs", "100", "--seed", trials).CombinedOutput()
		require.NoError(t, err, "%s", said)
		return string(said)
	}
	search("4")
	said := search("8") // goes on
	trial := regexp.MustCompile(`(?m)^(\d+) (COMPLETE|PRUNED) (\S+) `)
	states := map[string]int{}
	for _, m := range trial.FindAllStringSubmatch(said, -1) {
		states[m[2]]++
		folder := filepath.Join(out, "trial-"+m[1], "emotion")
		if m[2] == "PRUNED" {
			assert.True(t, trainer.Resumable(folder), m[0])
			continue
		}
		summary, err := os.ReadFile(filepath.Join(folder, "summary.json"))
		require.NoError(t, err)
		assert.Contains(t, string(summary), `"val_loss": `+m[3]+",")
	}
	assert.Equal(t, 12, states["COMPLETE"]+states["PRUNED"], said)
	assert.Positive(t, states["PRUNED"], said)

	// Trials that fail say why, and do not end the study; wrong usage does.
	fails := func(data, network string) (string, error) {
		said, err := exec.Command(python(t, "optuna"), "search_optuna.py", data, t.TempDir(), "--trials", "2", "--network", network).CombinedOutput()
		return string(said), err
	}
	said, err := fails(filepath.Join(out, "nowhere"), "emotion")
	assert.NoError(t, err, said)
	assert.Equal(t, 2, strings.Count(said, "nowhere: no such file or directory"), said)
	said, err = fails(out, "piano")
	assert.Error(t, err)
	assert.Equal(t, 1, strings.Count(said, `network "piano" is not known`), said)
}

func TestRay(t *testing.T) {
	cmd := exec.Command(python(t, "ray.tune"), "search_ray.py", corpus(t), filepath.Join(t.TempDir(), "out"), "--trials", "6", "--epochs", "40")
	cmd.Env = append(os.Environ(), "RAY_USAGE_STATS_ENABLED=0")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Len(t, regexp.MustCompile(`(?m)^\d+\.0 0\.\d+ None `).FindAll(said, -1), 6, "%s", said)
	assert.Regexp(t, `(?m)^best: 0\.\d+ `, string(said))
}

type experiment struct {
	Spec struct {
		Parameters []struct {
			Name          string
			FeasibleSpace struct{ Min, Max string } `yaml:"feasibleSpace"`
		}
		Objective struct {
			Metric string   `yaml:"objectiveMetricName"`
			More   []string `yaml:"additionalMetricNames"`
		}
		Template struct {
			Container  string `yaml:"primaryContainerName"`
			Parameters []struct{ Name, Reference string }
			Spec       map[string]any `yaml:"trialSpec"`
		} `yaml:"trialTemplate"`
	}
}

// What Katib would start is valid, and prints the metrics that the experiment names.
func TestKatib(t *testing.T) {
	text, err := os.ReadFile("katib.yaml")
	require.NoError(t, err)
	var e experiment
	require.NoError(t, yaml.Unmarshal([]byte(strings.Replace(string(text), "trialParameters:", "parameters:", 1)), &e))
	values := map[string]string{"lr": "0.0007", "batch-size": "32", "${trialSpec.Name}": "etude-emotion-x7"}
	assert.Equal(t, "lr", e.Spec.Parameters[0].Name)
	assert.Equal(t, "batch-size", e.Spec.Parameters[1].Name)
	job, err := json.Marshal(e.Spec.Template.Spec) // as Katib does, so strings stay strings
	require.NoError(t, err)
	spec := string(job)
	for _, p := range e.Spec.Template.Parameters {
		require.Contains(t, values, p.Reference)
		spec = strings.ReplaceAll(spec, "${trialParameters."+p.Name+"}", values[p.Reference])
	}
	assert.NotContains(t, spec, "${")
	var trial struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Name    string
						Command []string
					}
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(spec), &trial))
	container := trial.Spec.Template.Spec.Containers[0]
	assert.Equal(t, e.Spec.Template.Container, container.Name)
	require.NoError(t, cli.Check(container.Command[1:]))

	t.Run("run", func(t *testing.T) {
		data, runs := corpus(t), t.TempDir()
		line := strings.NewReplacer("/data", data, "/runs", runs).Replace(strings.Join(container.Command, " ")) + " --epochs 3"
		said, err := exec.Command("sh", "-c", line+" 2>&1").CombinedOutput() // as Katib's shell does
		require.NoError(t, err, "%s", said)
		for _, name := range append(e.Spec.Objective.More, e.Spec.Objective.Metric) {
			found := regexp.MustCompile(`\b`+name+`=(\S+)`).FindAllStringSubmatch(string(said), -1)
			require.NotEmpty(t, found, name)
			_, err := strconv.ParseFloat(found[0][1], 64)
			assert.NoError(t, err)
		}
		assert.FileExists(t, filepath.Join(runs, "katib", "etude-emotion-x7", "emotion", "model.onnx"))
	})
	t.Run("fields", func(t *testing.T) {
		check := func(text string) ([]byte, error) {
			cmd := exec.Command(python(t, "kubeflow_katib_api"), filepath.Join("testdata", "katib.py"))
			cmd.Stdin = strings.NewReader(text)
			return cmd.CombinedOutput()
		}
		said, err := check(string(text))
		assert.NoError(t, err, "%s", said)
		for _, known := range []string{"parallelTrialCount", "metricStrategies", "feasibleSpace", "reference"} {
			_, err := check(strings.Replace(string(text), known+":", "un"+known+":", 1))
			assert.Error(t, err, "un%s is no field", known)
		}
	})
	t.Run("schema", func(t *testing.T) {
		for _, c := range []struct {
			spec string
			good bool
		}{{spec, true}, {strings.Replace(spec, "backoffLimit", "backOffLimit", 1), false}} {
			cmd := exec.Command(python(t, "kubernetes_validate"), "../../readme/manifest.py", "1.37")
			cmd.Stdin = strings.NewReader(c.spec)
			said, err := cmd.CombinedOutput()
			assert.Equal(t, c.good, err == nil, "%s", said)
		}
	})
}

// The tasks of an array make what --seeds takes as its own. A task that Slurm stops saves.
func TestArray(t *testing.T) {
	data, out := corpus(t), filepath.Join(t.TempDir(), "out")
	task := func(id int) *exec.Cmd {
		cmd := exec.Command("bash", "array.sbatch", data, out)
		cmd.Env = append(os.Environ(), fmt.Sprint("SLURM_ARRAY_TASK_ID=", id))
		return cmd
	}
	for id := range 3 {
		said, err := task(id).CombinedOutput()
		require.NoError(t, err, "%s", said)
	}
	sweep := func(seeds string) string {
		said, err := exec.Command("etude", "train", "emotion", "--data", data, "--out", out, "--seeds", seeds, "--resume").CombinedOutput()
		require.NoError(t, err, "%s", said)
		return string(said)
	}
	said := sweep("0-2")
	assert.Contains(t, said, "3 of 3 runs have ended before and are kept")
	assert.NotContains(t, said, "training")

	// The end of the time: SIGTERM to the shell, which exec has made the program.
	text, err := os.ReadFile("array.sbatch")
	require.NoError(t, err)
	long := exec.Command("bash", "-c", strings.TrimSpace(string(text))+" --epochs 1000000 --patience 1000000", "bash", data, out)
	long.Env = task(3).Env
	require.NoError(t, long.Start())
	last := filepath.Join(out, "seed-3", "emotion", "last.pt")
	assert.Eventually(t, func() bool { _, err := os.Stat(last); return err == nil }, time.Minute, 20*time.Millisecond)
	require.NoError(t, long.Process.Signal(syscall.SIGTERM))
	_ = long.Wait()
	assert.Equal(t, 143, long.ProcessState.ExitCode())
}
