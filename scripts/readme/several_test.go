// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package readme

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/torchtest"
)

// lists writes the variables of each process that is started.
const lists = `#!/bin/sh
{ env; echo "OF_ANOTHER=process"; } >> "$WORLDS"
`

// worlds runs a script, and returns what dist.Init reads in each process that it starts.
func worlds(t *testing.T, s stage, script string, env ...string) []dist.World {
	bin := filepath.Dir(s.calls)
	s.replace(t, bin, "my-program", lists)
	s.replace(t, s.dir, "my-program", lists)
	file := filepath.Join(t.TempDir(), "worlds")
	cmd := exec.Command(bash(t), "-eu", "-c", script)
	cmd.Dir, cmd.Env = s.dir, append(append(s.env, "WORLDS="+file), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []dist.World
	variables := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if variables[name] = value; name == "OF_ANOTHER" {
			w, err := dist.FromEnvironment(func(name string) string { return variables[name] })
			require.NoError(t, err)
			all = append(all, w)
			assert.NotEmpty(t, variables["OMP_NUM_THREADS"], "each process would take all cores")
			clear(variables)
		}
	}
	return all
}

func TestSlurmOnSeveralMachines(t *testing.T) {
	s := newStage(t)
	bin := filepath.Dir(s.calls)
	s.replace(t, bin, "scontrol", "#!/bin/sh\n[ \"$1 $2 $3\" = 'show hostnames node[1-2]' ] && printf 'node1\\nnode2\\n'\n")
	s.replace(t, bin, "srun", `#!/bin/bash
while [[ $1 == --* ]]; do shift; done
for i in 0 1 2 3; do SLURM_PROCID=$i SLURM_NTASKS=4 SLURM_LOCALID=$((i % 2)) "$@"; done
`)
	got := worlds(t, s, example(t, "Slurm, on several machines", "bash"))
	require.Len(t, got, 4)
	for i, w := range got {
		assert.Equal(t, dist.World{Rank: i, Size: 4, LocalRank: i % 2, MasterAddr: "node1", MasterPort: 20007, Source: "Slurm"}, w)
	}
}

// torchrun itself takes the line.
func TestTorchrunLine(t *testing.T) {
	for heading, want := range map[string]string{
		"Several processes":                "2 2 node1:29400 False 3 True ./my-program []\n",
		"One network in several processes": "1:1 2  True 3 True etude ['train', 'emotion', '--data', 'data', '--out', 'runs/first', '--resume']\n",
	} {
		s := newStage(t)
		cmd := exec.Command(bash(t), "-eu", "-c", example(t, heading, "sh"))
		cmd.Dir, cmd.Env = s.dir, s.env
		require.NoError(t, cmd.Run())
		call := s.called(t)[1]
		require.Equal(t, "torchrun", call[0])
		parse := exec.Command(torchtest.Python(t), append([]string{"-c", `import sys
from torch.distributed.run import get_args_parser
a = get_args_parser().parse_args(sys.argv[1:])
print(a.nnodes, a.nproc_per_node, a.rdzv_endpoint, a.standalone, a.max_restarts, a.no_python, a.training_script, a.training_script_args)`}, call[1:]...)...)
		out, err := parse.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Equal(t, want, string(out))
	}
}

// container is what is used here of Kubernetes' own type; TestKubeflow validates all of it.
type container struct {
	Name, Image string
	Env         []struct{ Name, Value string }
	Resources   map[string]map[string]string
}

// The fields of the two kinds, as the custom resource definitions of Training Operator 1.9 and
// Trainer 2.3 name them.
type (
	pyTorchJob struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		Spec       struct {
			NprocPerNode string `yaml:"nprocPerNode"`
			RunPolicy    struct {
				ActiveDeadlineSeconds   int    `yaml:"activeDeadlineSeconds"`
				BackoffLimit            int    `yaml:"backoffLimit"`
				CleanPodPolicy          string `yaml:"cleanPodPolicy"`
				Suspend                 bool
				TTLSecondsAfterFinished int `yaml:"ttlSecondsAfterFinished"`
			} `yaml:"runPolicy"`
			PyTorchReplicaSpecs map[string]struct {
				Replicas      int
				RestartPolicy string `yaml:"restartPolicy"`
				Template      struct {
					Spec struct{ Containers []container }
				}
			} `yaml:"pytorchReplicaSpecs"`
		}
	}
	trainJob struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		Spec       struct {
			RuntimeRef struct {
				Name, Kind string
				APIGroup   string `yaml:"apiGroup"`
			} `yaml:"runtimeRef"`
			Suspend bool
			Trainer struct {
				Image            string
				Command, Args    []string
				Env              []struct{ Name, Value string }
				NumNodes         int                          `yaml:"numNodes"`
				NumProcPerNode   int                          `yaml:"numProcPerNode"`
				ResourcesPerNode map[string]map[string]string `yaml:"resourcesPerNode"`
			}
		}
	}
)

func TestKubeflow(t *testing.T) {
	var job pyTorchJob
	var train trainJob
	found := 0
	for _, b := range blocks(t, "yaml") {
		if b.heading != "Kubeflow" {
			continue
		}
		found++
		into := any(&job)
		if strings.HasPrefix(b.text, "# trainjob.yaml") {
			into = &train
		}
		decoder := yaml.NewDecoder(strings.NewReader(b.text))
		decoder.KnownFields(true)
		require.NoError(t, decoder.Decode(into))
	}
	require.Equal(t, 2, found)

	assert.Equal(t, "kubeflow.org/v1 PyTorchJob", job.APIVersion+" "+job.Kind)
	var pods bytes.Buffer
	size := 0
	for _, kind := range []string{"Master", "Worker"} {
		r := job.Spec.PyTorchReplicaSpecs[kind]
		size += r.Replicas
		assert.Equal(t, "OnFailure", r.RestartPolicy)
		require.Len(t, r.Template.Spec.Containers, 1)
		assert.Equal(t, "pytorch", r.Template.Spec.Containers[0].Name)
		pod, err := yaml.Marshal(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]string{"name": "a"}, "spec": r.Template.Spec})
		require.NoError(t, err)
		pods.WriteString("---\n" + string(pod))
	}
	assert.Equal(t, 4, size)

	assert.Equal(t, "trainer.kubeflow.org/v1alpha1 TrainJob", train.APIVersion+" "+train.Kind)
	trainer := train.Spec.Trainer
	assert.Equal(t, 1, trainer.NumProcPerNode, "RANK is the number of the machine")
	require.Equal(t, []string{"sh", "-c"}, trainer.Command[:2])
	got := worlds(t, newStage(t), trainer.Command[2], "PET_NODE_RANK=3", fmt.Sprint("PET_NNODES=", trainer.NumNodes),
		"PET_NPROC_PER_NODE=1", "PET_MASTER_ADDR=my-program-node-0-0.my-program", "PET_MASTER_PORT=29500", trainer.Env[0].Name+"="+trainer.Env[0].Value)
	assert.Equal(t, []dist.World{{Rank: 3, Size: 4, MasterAddr: "my-program-node-0-0.my-program", MasterPort: 29500, Source: "torchrun"}}, got)

	python := torchtest.Python(t)
	if out, err := exec.Command(python, "-c", "import kubernetes_validate").CombinedOutput(); err != nil {
		absent(t, "make python installs kubernetes-validate: "+string(bytes.TrimSpace(out)))
	}
	cmd := exec.Command(python, "manifest.py", "1.37")
	cmd.Stdin = &pods
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s", out)
}
