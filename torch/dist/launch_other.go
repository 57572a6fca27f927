// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build !linux

package dist

import (
	"context"
	"errors"
	"os/exec"
)

// Launch fails: libtorch is for Linux only.
func Launch(context.Context, int, *exec.Cmd, LaunchOptions) error { return errors.ErrUnsupported }
