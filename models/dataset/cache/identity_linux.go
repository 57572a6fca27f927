// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"io/fs"
	"syscall"
)

// identify returns a file's identity, and whether the system gives all that belongs to one.
func identify(info fs.FileInfo) (identity, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{uint64(s.Dev), s.Ino, uint64(s.Size), uint64(s.Mtim.Nano()), uint64(s.Ctim.Nano())}, true
}
