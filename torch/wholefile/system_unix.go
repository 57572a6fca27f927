// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build linux || darwin || freebsd

package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// Lock locks an open file or folder until it is closed or the process dies, and
// reports whether no other process has locked it. It reports true where the file
// system has no locks.
func Lock(f *os.File) bool {
	return !errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// Mine reports whether the current user owns a file.
func Mine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Geteuid()
}

// CheckOwner returns an error for a file, folder or link that another user than root
// owns, and for a file or folder that other users may write to. Writing by the user's
// own group is allowed, because several distributions give each user a separate group,
// and a umask that lets it write.
func CheckOwner(info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch mode := info.Mode(); {
	case !ok:
		return nil
	case stat.Uid != 0 && !Mine(info):
		return fmt.Errorf("belongs to another user (%d)", stat.Uid)
	case mode&fs.ModeSymlink != 0: // everybody may write to a link, and nobody can
		return nil
	case mode&0o002 != 0, mode&0o020 != 0 && int(stat.Gid) != os.Getegid():
		return fmt.Errorf("may be written by other users (%v)", mode)
	}
	return nil
}
