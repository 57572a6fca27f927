// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build linux || darwin || freebsd

package trainer

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFolder takes a folder until the file is closed, or the process dies. Where
// the file system has no locks it goes without.
func lockFolder(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		f.Close()
		return nil, fmt.Errorf("trainer: another run saves to %s; wait for its end, or choose another folder", path)
	}
	return f, nil
}
