// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build !linux

package libtorch

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
)

// checkPlatform refuses what the torch wheel does not run on.
func checkPlatform() error {
	return fmt.Errorf("libtorch: %s/%s is not supported, only linux/amd64: train in a container or on a machine of that kind", runtime.GOOS, runtime.GOARCH)
}

// Never reached: checkPlatform comes first.

func ownGroup(*exec.Cmd) {}

func accessible(string) error { return errors.ErrUnsupported }

func freeSpace(string) (int64, error) { return 0, errors.ErrUnsupported }

func syncFiles(string) error { return errors.ErrUnsupported }

func openDevice(string) error { return errors.ErrUnsupported }

func groupOf(string) string { return "" }
