// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package files opens and replaces files as those who keep checkpoints need it.
package files

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Replace gives path the content that write produces, or leaves it as it was: on
// any error, and when the process or the machine dies at any instant. A symbolic
// link is followed; the mode of a file that is replaced is kept.
//
// The content goes to a file without a name where the system has such files, so
// that not even a kill leaves one behind; else to .NAME.tmp-XXXX. It has reached
// the disk before it takes the name, and the name has before Replace returns.
func Replace(path string, write func(io.Writer) error) error {
	target, err := followLinks(path)
	if err != nil {
		return err
	}
	dir, base := filepath.Split(target)
	if dir == "" {
		dir = "."
	}
	if len(base) > 200 {
		base = base[:200] // the temporary name is longer, and 255 bytes is the limit
	}
	temp := filepath.Join(dir, "."+base+".tmp-"+rand.Text()[:10])

	mode := fs.FileMode(0)
	switch info, err := os.Stat(target); {
	case err == nil && !info.Mode().IsRegular():
		return errors.New("it exists and is not a regular file")
	case err == nil:
		mode = info.Mode().Perm()
	}
	err = writeUnnamed(dir, temp, mode, write)
	if errors.Is(err, errNoUnnamed) {
		err = writeNamed(temp, mode, write)
	}
	if errors.Is(err, fs.ErrNotExist) && !exists(dir) {
		return fmt.Errorf("its folder %s does not exist; create it first", filepath.Clean(dir))
	}
	if err != nil {
		return err
	}
	if err := os.Rename(temp, target); err != nil {
		os.Remove(temp)
		return err
	}
	return SyncFolder(dir)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var errNoUnnamed = errors.New("no files without a name here")

// writeUnnamed makes the file temp, which has no name until it is complete.
func writeUnnamed(dir, temp string, mode fs.FileMode, write func(io.Writer) error) error {
	f, err := createUnnamed(dir)
	if err != nil {
		return errNoUnnamed
	}
	defer f.Close()
	if err := fill(f, mode, write); err != nil {
		return err
	}
	if err := nameFile(f, temp); err != nil {
		return errNoUnnamed
	}
	return nil
}

// writeNamed makes the file temp, and removes it if that fails.
func writeNamed(temp string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			os.Remove(temp)
		}
	}()
	return fill(f, mode, write)
}

func fill(f *os.File, mode fs.FileMode, write func(io.Writer) error) error {
	if err := write(f); err != nil {
		return err
	}
	if mode != 0 {
		if err := f.Chmod(mode); err != nil {
			return err
		}
	}
	return f.Sync()
}

// followLinks returns what path names at the end of its symbolic links; that
// need not exist.
func followLinks(path string) (string, error) {
	for range 40 {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, nil // what is wrong is found when the file is made
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return "", errors.New("too many symbolic links")
}

// SyncFolder makes the names that files in dir have been given last, on file
// systems that can.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // may be written but not read: nothing more can be done
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("written, but its folder did not reach the disk: %w", err)
	}
	return nil
}
