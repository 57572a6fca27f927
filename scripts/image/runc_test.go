// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package image

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// runc runs images of buildah's where there is no daemon. $ETUDE_TEST_BUILDAH is
// the command that knows the images, with the flags that name its store.
type runc struct {
	buildah []string
	state   string // the folder in which runc keeps what is running
}

// newRunc returns nil where it cannot work.
func newRunc(t *testing.T) engine {
	r := runc{buildah: strings.Fields(os.Getenv("ETUDE_TEST_BUILDAH")), state: t.TempDir()}
	if len(r.buildah) == 0 {
		r.buildah = []string{"buildah"}
	}
	for _, program := range []string{r.buildah[0], "runc"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil
		}
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return r
}

// ask runs buildah and returns what it printed.
func (r runc) ask(t *testing.T, args ...string) string {
	t.Helper()
	args = append(append([]string{}, r.buildah[1:]...), args...)
	cmd := exec.Command(r.buildah[0], args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s", cmd, &stderr)
	return strings.TrimSpace(string(out))
}

func (r runc) inspect(t *testing.T, image string) config {
	t.Helper()
	var answer struct {
		Docker struct {
			Config config `json:"config"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.ask(t, "inspect", "--type", "image", image)), &answer))
	return answer.Docker.Config
}

func (r runc) command(t *testing.T, name string, c container) *exec.Cmd {
	t.Helper()
	image := r.inspect(t, c.image)
	working := r.ask(t, "from", "--pull-never", c.image)
	t.Cleanup(func() { r.ask(t, "rm", working) })
	root := r.ask(t, "mount", working)

	bundle := t.TempDir()
	out, err := exec.Command("runc", "spec", "--bundle", bundle).CombinedOutput()
	require.NoError(t, err, "%s", out)
	file := filepath.Join(bundle, "config.json")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var spec map[string]any
	require.NoError(t, json.Unmarshal(text, &spec))

	// The template of `runc spec` has no network. The arguments, the user and the
	// environment are set here as `docker run` sets them.
	process := spec["process"].(map[string]any)
	args := append(append([]string{}, image.Entrypoint...), c.args...)
	switch {
	case c.entrypoint != "":
		args = append([]string{c.entrypoint}, c.args...)
	case len(c.args) == 0:
		args = append(args, image.Cmd...)
	}
	user := image.User
	if c.user != "" {
		user = c.user
	}
	var uid, gid int
	_, err = fmt.Sscanf(user, "%d:%d", &uid, &gid)
	require.NoError(t, err, "the user is %q, not uid:gid", user)
	process["terminal"] = false
	process["args"] = args
	process["env"] = image.Env
	process["cwd"] = image.WorkingDir
	process["user"] = map[string]int{"uid": uid, "gid": gid}
	process["capabilities"] = map[string]any{}
	process["noNewPrivileges"] = true
	spec["root"] = map[string]any{"path": root, "readonly": c.readOnly}
	mounts := spec["mounts"].([]any)
	for _, m := range c.mounts {
		mode := "rw"
		if m.readOnly {
			mode = "ro"
		}
		mounts = append(mounts, map[string]any{"source": m.from, "destination": m.to, "type": "bind", "options": []string{"rbind", mode}})
	}
	spec["mounts"] = mounts
	text, err = json.Marshal(spec)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o644))
	return exec.Command("runc", "--root", r.state, "run", "--bundle", bundle, name)
}

func (r runc) kill(name string, signal syscall.Signal) *exec.Cmd {
	return exec.Command("runc", "--root", r.state, "kill", name, fmt.Sprint(int(signal)))
}
