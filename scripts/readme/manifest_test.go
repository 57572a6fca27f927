// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package readme

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/etude-ml/etude/torch/torchtest"
)

// loader is a program that loads files as docker compose does.
const loader = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"

func TestCompose(t *testing.T) {
	text := example(t, "Compose", "yaml")
	var file struct {
		Services map[string]struct {
			Command string
			Volumes []string
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &file))
	require.NotEmpty(t, file.Services)
	for _, s := range file.Services {
		var mounts []mount
		for _, v := range s.Volumes {
			mounts = append(mounts, parseMount(t, v))
		}
		args := strings.Fields(s.Command)
		checkTraining(t, args, mounts)
		assert.Contains(t, args, "--resume", "a restart would be refused, or begin again")
	}
}

func TestComposeLoads(t *testing.T) {
	bin := t.TempDir()
	install := exec.Command("go", "install", loader)
	install.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=")
	if out, err := install.CombinedOutput(); err != nil {
		absent(t, "go install "+loader+": "+string(out))
	}
	load := func(text string) (string, error) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o644))
		cmd := exec.Command(filepath.Join(bin, "cmd"), "compose.yaml")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	text := example(t, "Compose", "yaml")
	out, err := load(text)
	require.NoError(t, err, out)
	assert.Contains(t, out, "user: 1000:1000\n")
	for _, known := range []string{"stop_grace_period", "driver", "read_only"} {
		out, err := load(strings.Replace(text, known+":", "un"+known+":", 1))
		assert.Error(t, err, "un%s is no field\n%s", known, out)
	}
}

type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		PodFailurePolicy struct {
			Rules []struct {
				Action      string
				OnExitCodes struct{ Values []int } `yaml:"onExitCodes"`
			}
		} `yaml:"podFailurePolicy"`
		Template struct {
			Spec struct {
				RestartPolicy string `yaml:"restartPolicy"`
				Containers    []struct {
					Args         []string
					VolumeMounts []struct {
						Name      string
						MountPath string `yaml:"mountPath"`
						ReadOnly  bool   `yaml:"readOnly"`
					} `yaml:"volumeMounts"`
				}
				Volumes []struct {
					Name                  string
					PersistentVolumeClaim struct {
						ClaimName string `yaml:"claimName"`
					} `yaml:"persistentVolumeClaim"`
				}
			}
		}
	}
}

func TestKubernetes(t *testing.T) {
	var claims []string
	var job *manifest
	decoder := yaml.NewDecoder(strings.NewReader(example(t, "Kubernetes", "yaml")))
	for {
		var m manifest
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch m.Kind {
		case "PersistentVolumeClaim":
			claims = append(claims, m.Metadata.Name)
		case "Job":
			job = &m
		}
	}
	require.NotNil(t, job)
	pod := job.Spec.Template.Spec
	assert.Equal(t, "Never", pod.RestartPolicy, "a podFailurePolicy asks for it")
	actions := map[int]string{}
	for _, r := range job.Spec.PodFailurePolicy.Rules {
		for _, code := range r.OnExitCodes.Values {
			actions[code] = r.Action
		}
	}
	assert.Equal(t, map[int]string{2: "FailJob", 143: "Ignore"}, actions)

	var volumes []string
	for _, v := range pod.Volumes {
		volumes = append(volumes, v.Name)
		assert.Contains(t, claims, v.PersistentVolumeClaim.ClaimName)
	}
	require.Len(t, pod.Containers, 1)
	var mounts []mount
	for _, m := range pod.Containers[0].VolumeMounts {
		assert.Contains(t, volumes, m.Name)
		mounts = append(mounts, mount{m.MountPath, m.ReadOnly})
	}
	checkTraining(t, pod.Containers[0].Args, mounts)
	assert.Contains(t, pod.Containers[0].Args, "--resume", "a new pod would be refused, or begin again")
}

// The manifest is valid by the schemas of the first version that has all of it as
// stable, and of a recent one.
func TestKubernetesSchema(t *testing.T) {
	python := torchtest.Python(t)
	if out, err := exec.Command(python, "-c", "import kubernetes_validate").CombinedOutput(); err != nil {
		absent(t, "make python installs kubernetes-validate: "+string(bytes.TrimSpace(out)))
	}
	validate := func(version, text string) (string, error) {
		cmd := exec.Command(python, "manifest.py", version)
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	text := example(t, "Kubernetes", "yaml")
	for _, version := range []string{"1.31", "1.37"} {
		out, err := validate(version, text)
		assert.NoError(t, err, "%s: %s", version, out)
	}
	for _, known := range []string{"accessModes", "backoffLimit", "onPodConditions", "seccompProfile", "readOnlyRootFilesystem", "limits"} {
		out, err := validate("1.37", strings.Replace(text, known+":", "un"+known+":", 1))
		assert.Error(t, err, "un%s is no field", known)
		assert.Contains(t, out, "un"+known)
	}
}
