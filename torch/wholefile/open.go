// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package wholefile

import (
	"errors"
	"os"
)

// Open opens a regular file and returns its size. Its errors leave the path to
// the caller, whose text names it.
func Open(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		var e *os.PathError
		if errors.As(err, &e) {
			err = e.Err // the path is in the text already
		}
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
