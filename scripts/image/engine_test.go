// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// config is the Config of `docker image inspect`.
type config struct {
	User, WorkingDir     string
	Env, Entrypoint, Cmd []string
	Labels               map[string]string
	Healthcheck          struct{ Test []string }
}

// container describes a container to run. None has a network or may gain privileges.
type container struct {
	image      string
	entrypoint string // replaces the image's
	args       []string
	user       string // "uid:gid"; "" is the image's
	readOnly   bool   // its root
	mounts     []mount
}

type mount struct {
	from, to string
	readOnly bool
}

// engine runs containers.
type engine interface {
	inspect(t *testing.T, image string) config
	// command starts a container that is called name when it is run.
	command(t *testing.T, name string, c container) *exec.Cmd
	kill(name string, signal syscall.Signal) *exec.Cmd
}

// need returns the engine of this machine and the images to test. It skips the test if
// either is missing.
func need(t *testing.T) (engine, []string) {
	t.Helper()
	images := strings.Fields(os.Getenv("ETUDE_TEST_IMAGES"))
	if len(images) == 0 {
		t.Skip("ETUDE_TEST_IMAGES names no images: make image image-cpu image-test")
	}
	if exec.Command("docker", "info").Run() == nil {
		return docker{}, images
	}
	e := newRunc(t)
	if e == nil {
		t.Skip("neither a Docker daemon, nor buildah and runc with the rights of root")
	}
	return e, images
}

type docker struct{}

func (docker) inspect(t *testing.T, image string) (c config) {
	t.Helper()
	out, err := exec.Command("docker", "image", "inspect", "--format", "{{json .Config}}", image).Output()
	require.NoError(t, err, "%s: is it built?", image)
	require.NoError(t, json.Unmarshal(out, &c))
	return c
}

func (docker) command(_ *testing.T, name string, c container) *exec.Cmd {
	args := []string{"run", "--rm", "--name", name, "--network", "none", "--security-opt", "no-new-privileges", "--cap-drop", "ALL"}
	if c.readOnly {
		args = append(args, "--read-only")
	}
	if c.user != "" {
		args = append(args, "--user", c.user)
	}
	if c.entrypoint != "" {
		args = append(args, "--entrypoint", c.entrypoint)
	}
	for _, m := range c.mounts {
		volume := m.from + ":" + m.to
		if m.readOnly {
			volume += ":ro"
		}
		args = append(args, "--volume", volume)
	}
	return exec.Command("docker", append(append(args, c.image), c.args...)...)
}

func (docker) kill(name string, signal syscall.Signal) *exec.Cmd {
	return exec.Command("docker", "kill", "--signal", fmt.Sprint(int(signal)), name)
}

// process is a running container.
type process struct {
	*torchtest.Process
	engine engine
	name   string
	stdout bytes.Buffer
}

// start starts a container; it is killed at the end of the test at the latest.
func start(t *testing.T, e engine, c container) *process {
	t.Helper()
	name := fmt.Sprintf("etude-test-%016x", rand.Uint64())
	p := &process{engine: e, name: name}
	cmd := e.command(t, name, c)
	cmd.Stdout = &p.stdout
	p.Process = torchtest.Start(t, cmd, func() { _ = e.kill(name, syscall.SIGKILL).Run() })
	return p
}

// wait waits until a condition holds.
func (p *process) wait(t *testing.T, so func() bool) {
	t.Helper()
	p.Until(t, 5*time.Minute, so)
	require.True(t, so(), "it ended: %s", p.Said())
}

// signal sends a signal to the first process of the container.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	out, err := p.engine.kill(p.name, s).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// result says how a container ended.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a container to its end.
func run(t *testing.T, e engine, c container) result {
	t.Helper()
	p := start(t, e, c)
	code := p.End()
	return result{code, p.stdout.String(), p.Said()}
}
