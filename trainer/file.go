// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// writeFile puts a file in its place whole: a crash leaves the old one or the new.
func writeFile(path string, content []byte) (err error) {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	temp := filepath.Join(dir, "."+base+".tmp") // one name: a killed process leaves one at most
	defer func() {
		if err != nil {
			os.Remove(temp)
			err = fmt.Errorf("trainer: %s: %w", path, err)
		}
	}()
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil // a file system without this; there is nothing more to be done
}
