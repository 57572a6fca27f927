// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/progress"
)

func TestSayRights(t *testing.T) {
	var said bytes.Buffer
	env := &Env{lines: progress.NewGroup(&said, false)}
	env.sayRights(nil)
	env.sayRights(errors.New("mkdir /runs/first: no space left on device"))
	assert.Empty(t, said.String())
	watch := watch{env: env}
	for _, network := range []string{"melody", "groove"} {
		err := fmt.Errorf("%s: %w", network, &fs.PathError{Op: "mkdir", Path: "/runs", Err: syscall.EACCES})
		watch.event(runs.Event{Network: network, Stage: runs.Failed, Err: err})
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	assert.Len(t, lines, 3, "once for all networks")
	assert.Contains(t, lines[1], fmt.Sprintf("user %d of group %d", os.Getuid(), os.Getgid()))
}
