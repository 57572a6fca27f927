// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package readme

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/cli"
)

// stub takes the place of every program of the examples and records how it was called.
const stub = `#!/bin/bash
{ printf '%s\0' "${0##*/}" "$@"; printf '\n'; } >> "$CALLS"
`

// programs lists the programs that the examples call, without those of Unix.
var programs = []string{"apptainer", "docker", "etude", "kubectl", "make", "python", "sbatch", "scontrol", "srun", "torchrun"}

// stage is a folder in which examples run, with stubs for the programs they call.
type stage struct {
	dir, calls string
	env        []string
}

func newStage(t *testing.T) stage {
	bash(t)
	s := stage{dir: t.TempDir()}
	bin := t.TempDir()
	s.calls = filepath.Join(bin, "calls")
	for _, p := range programs {
		s.replace(t, bin, p, stub)
	}
	s.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CALLS="+s.calls, "SLURM_JOB_ID=7", "SLURM_JOB_NODELIST=node[1-2]", "SLURM_CPUS_PER_TASK=4")
	return s
}

func (stage) replace(t *testing.T, bin, program, text string) {
	require.NoError(t, os.WriteFile(filepath.Join(bin, program), []byte(text), 0o755))
}

// called returns the calls so far.
func (s stage) called(t *testing.T) [][]string {
	text, err := os.ReadFile(s.calls)
	require.NoError(t, err)
	var list [][]string
	for _, line := range strings.SplitAfter(string(text), "\x00\n") {
		if words := strings.TrimSuffix(line, "\x00\n"); words != "" {
			list = append(list, strings.Split(words, "\x00"))
		}
	}
	return list
}

func bash(t *testing.T) string {
	path, err := exec.LookPath("bash")
	if err != nil {
		absent(t, "bash is not there")
	}
	return path
}

// The command lines of the blocks are valid for etude and the Makefile.
func TestCommandLines(t *testing.T) {
	trainings := 0
	for _, b := range blocks(t, "sh", "bash") {
		s := newStage(t)
		cmd := exec.Command(bash(t), "-eu", "-c", b.text)
		cmd.Dir, cmd.Env = s.dir, s.env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", b.text, out)
		for _, call := range s.called(t) {
			line := strings.Join(call, " ")
			switch call[0] {
			case "etude":
				assert.NoError(t, cli.Check(call[1:]), line)
				if i := slices.Index(call, "--"); i > 0 && !strings.Contains(call[i+1], "/") { // what launch starts
					assert.NoError(t, cli.Check(call[i+1:]), line)
				}
			case "torchrun":
				if i := slices.Index(call, "etude"); i > 0 {
					assert.NoError(t, cli.Check(call[i+1:]), line)
				}
			case "make":
				checkTargets(t, line)
			case "docker", "apptainer":
				if args, mounts, ok := contained(t, call); ok {
					checkTraining(t, args, mounts)
					trainings++
				}
			}
		}
	}
	assert.Equal(t, 3, trainings, "Docker twice, and Apptainer")
	assert.ErrorContains(t, cli.Check([]string{"train", "all", "--data", "d", "--resumed"}), "--resumed")
	for _, line := range spans(t, "etude") {
		assert.NoError(t, cli.Check(strings.Fields(line)[1:]), line)
	}
}

func checkTargets(t *testing.T, line string) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`make ([a-z-]+)`).FindAllStringSubmatch(line, -1) {
		assert.True(t, strings.Contains(string(makefile), "\n"+m[1]+": "), "the Makefile has no %s", m[1])
	}
}

// mount is a folder of the host as a container sees it.
type mount struct {
	path     string
	readOnly bool
}

// contained returns what a call of docker or apptainer gives to etude, and what is
// mounted for it; false for a call that runs nothing.
func contained(t *testing.T, call []string) (args []string, mounts []mount, ok bool) {
	if call[1] != "run" {
		return nil, nil, false
	}
	for i, word := range call {
		switch {
		case word == "-v" || word == "--volume" || word == "--bind":
			for one := range strings.SplitSeq(call[i+1], ",") {
				mounts = append(mounts, parseMount(t, one))
			}
		case strings.HasSuffix(word, "etude:cuda") || word == "etude.sif":
			return call[i+1:], mounts, true
		}
	}
	t.Fatalf("no image in %q", call)
	return nil, nil, false
}

// parseMount reads HOST:PATH or HOST:PATH:ro.
func parseMount(t *testing.T, text string) mount {
	parts := strings.Split(text, ":")
	require.GreaterOrEqual(t, len(parts), 2, text)
	return mount{parts[1], len(parts) == 3 && parts[2] == "ro"}
}

// checkTraining checks that etude takes a command line, and that the folders that
// it names are mounted as they have to be.
func checkTraining(t *testing.T, args []string, mounts []mount) {
	assert.NoError(t, cli.Check(args), args)
	for i, word := range args {
		if word != "--data" && word != "--out" {
			continue
		}
		found := false
		for _, m := range mounts {
			if path := args[i+1]; path == m.path || strings.HasPrefix(path, m.path+"/") {
				found = true
				assert.False(t, m.readOnly && word == "--out", "%s is mounted read-only", path)
			}
		}
		assert.True(t, found, "%s %s is not mounted in %v", word, args[i+1], mounts)
	}
	assert.Contains(t, args, "--out", "without it the results vanish with the container")
}

func TestShellcheck(t *testing.T) {
	path, err := exec.LookPath("shellcheck")
	if err != nil { // `make python` installs it beside Python
		path = filepath.Join(filepath.Dir(os.Getenv("ETUDE_TEST_PYTHON")), "shellcheck")
		if _, err := os.Stat(path); err != nil {
			absent(t, "shellcheck is not there; make python installs it")
		}
	}
	for _, b := range blocks(t, "sh", "bash") {
		cmd := exec.Command(path, "--shell=bash", "-")
		cmd.Stdin = strings.NewReader(b.text)
		out, err := cmd.CombinedOutput()
		assert.NoError(t, err, "%s\n%s", b.heading, out)
	}
	cmd := exec.Command(path, "--shell=bash", "-")
	cmd.Stdin = strings.NewReader("docker run -v $PWD/data:/data etude:cuda\n")
	assert.Error(t, cmd.Run(), "a path with a space would be two")
}
