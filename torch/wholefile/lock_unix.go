// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build linux || darwin || freebsd

package wholefile

import (
	"errors"
	"os"
	"syscall"
)

const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// Lock takes an open file or folder until it is closed or the process dies, and reports whether
// no other process has it. Where the file system has no locks it goes without.
func Lock(f *os.File) bool {
	return !errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
