// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"io/fs"
	"syscall"
)

// identify tells whether the system says enough of a file to know it again.
func identify(info fs.FileInfo) (identity, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{
		device: uint64(s.Dev), inode: s.Ino, size: s.Size,
		mtime: s.Mtim.Nano(), ctime: s.Ctim.Nano(),
	}, true
}
