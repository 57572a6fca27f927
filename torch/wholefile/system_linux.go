// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// createUnnamed makes a file that disappears when it is closed without nameFile. Some
// file systems have no such files, and nameFile needs /proc.
func createUnnamed(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o666)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(descriptor(f)); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func nameFile(f *os.File, name string) error {
	return unix.Linkat(unix.AT_FDCWD, descriptor(f), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
}

func descriptor(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// writtenBytes counts the bytes of f outside of holes: as many as there are, or at
// least half of the file. The number of blocks is not enough, because some file
// systems compress, and some do not count blocks.
func writtenBytes(f *os.File, info fs.FileInfo) int64 {
	size := info.Size()
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Blocks*512 >= size/2 {
		return size
	}
	defer f.Seek(0, 0) //nolint:errcheck // readers use ReadAt, or fail themselves
	written := int64(0)
	for at := int64(0); written < size/2; {
		from, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // no more data
			break
		} else if err != nil {
			return size
		}
		to, err := f.Seek(from, unix.SEEK_HOLE)
		if err != nil || to <= from {
			return size
		}
		written, at = written+to-from, to
	}
	return written
}
