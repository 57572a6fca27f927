// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package wholefile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// mostHoles is how many bytes of holes a file may always have.
const mostHoles = 8 << 30

// CheckWritten refuses a file of which more than most bytes, and more than half, were
// never written, for callers that read the whole file.
func CheckWritten(f *os.File, most int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() <= most {
		return err
	}
	size := info.Size()
	if written := writtenBytes(f, info); size-written > max(most, size/2) {
		return fmt.Errorf("it has %d bytes, of which only %d were ever written: the copy or the download of it did not finish; get it again", size, written)
	}
	return nil
}

// Open opens a regular file and returns its size. It never waits, as for the other
// end of a pipe, and refuses a large file of which most was never written, because
// reading it would take hours. Its errors leave the path to the caller, whose text
// names it.
func Open(path string) (*os.File, int64, error) {
	return check(os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0))
}

// OpenIn opens a file in a folder as [Open] does. A link that leads out of the folder
// is not followed.
func OpenIn(folder *os.Root, path string) (*os.File, int64, error) {
	return check(folder.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0))
}

func check(f *os.File, err error) (*os.File, int64, error) {
	if err != nil {
		if e, ok := errors.AsType[*os.PathError](err); ok {
			err = e.Err // the path is in the text already
		}
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err == nil {
		err = CheckWritten(f, mostHoles)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
