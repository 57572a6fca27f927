// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package wholefile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// createUnnamed makes a file that is gone when it is closed without nameFile.
// Some file systems have none; nor is there one where /proc, which nameFile
// needs, is missing.
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
