// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"

	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/progress"
	"github.com/etude-ml/etude/torch/libtorch"
)

type setupCommand struct {
	CUDA     bool   `name:"cuda" help:"Install the libtorch that uses NVIDIA GPUs, with all that it needs."`
	Libtorch string `placeholder:"DIR" type:"path" help:"Use the libtorch in this folder (it holds lib and include) instead of installing one."`
	Force    bool   `help:"Make everything anew."`
}

func (setupCommand) Help() string {
	return `Training needs libtorch, which is PyTorch without Python, a small C++ library in front of it that is compiled for this machine, and ONNX Runtime, which checks exported files. What is missing is brought, through pip, into the user's cache ($ETUDE_HOME names another folder); what is there is left alone, so running this twice costs nothing. It needs a C++20 compiler and pip.

Examples:

    etude setup
    etude setup --cuda
    etude setup --libtorch /opt/libtorch`
}

// Run sets up.
func (c *setupCommand) Run(env *Env) error {
	found, err := setup(env, libtorch.Options{CUDA: c.CUDA, Libtorch: c.Libtorch, Force: c.Force})
	if err != nil {
		return err
	}
	plain.Fprintf(env.Stdout, "libtorch %s in %s\n", found.Version, found.Libtorch)
	if found.ONNXRuntime != "" {
		plain.Fprintf(env.Stdout, "ONNX Runtime in %s\n", found.ONNXRuntime)
	}
	if found.CUDAProblem != "" { // with --cuda that is an error
		env.say("CUDA cannot be used: %s", found.CUDAProblem)
	}
	if found.DistProblem != "" {
		env.say("several processes cannot train one network: %s", found.DistProblem)
	}
	return nil
}

// setup installs what is missing and shows how far it is.
func setup(env *Env, o libtorch.Options) (*libtorch.Installation, error) {
	var job *progress.Job
	title := ""
	o.Progress = func(e libtorch.Event) {
		now := fmt.Sprintf("%s %s", e.Stage, e.Item)
		if job != nil && (e.Stage == libtorch.StageDone || now != title) {
			job.Finish("done")
			job = nil
		}
		if e.Stage == libtorch.StageDone {
			return
		}
		if job == nil {
			unit := progress.Bytes
			if e.Stage == libtorch.StageCompile {
				unit = progress.Files
			}
			title, job = now, env.lines.Start(now, unit, e.Total)
		}
		job.Set(e.Done, "")
	}
	found, err := libtorch.Setup(env.Context, o)
	if job != nil {
		job.Finish("")
	}
	return found, err
}
