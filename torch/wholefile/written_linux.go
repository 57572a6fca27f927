// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// writtenBytes counts the bytes of f outside of holes: as many as there are, or at
// least half of the file. The number of blocks alone does not tell, since some file
// systems compress, and some know no blocks.
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
