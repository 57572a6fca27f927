// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package wholefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder gives path the folder that write fills, or leaves path as it was. A folder that is
// there gives the new one its mode; it is called NAME.earlier-XXXXXXXXXX while that takes its
// name, and then removed, so that a killed process leaves a whole folder under one of the
// two names. Symbolic links are followed, and folders above path are made.
func Folder(path string, write func(draft string) error) error {
	target, err := Follow(path)
	if err != nil {
		return err
	}
	parent, base := filepath.Split(target)
	parent = filepath.Clean(parent)
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	_ = Sweep(parent, base)
	draft := filepath.Join(parent, tempName(base))
	if err := os.Mkdir(draft, 0o777); err != nil {
		return err
	}
	defer os.RemoveAll(draft)
	lock, err := os.Open(draft)
	if err != nil {
		return err
	}
	defer lock.Close()
	Lock(lock)
	if err := write(draft); err != nil {
		return err
	}
	if info, err := os.Stat(target); err == nil {
		if err := lock.Chmod(info.Mode().Perm()); err != nil {
			return err
		}
	}
	earlier := filepath.Join(parent, short(base)+".earlier-"+rand.Text()[:10])
	was := os.Rename(target, earlier)
	if was != nil && !errors.Is(was, fs.ErrNotExist) {
		return was
	}
	if err := os.Rename(draft, target); err != nil {
		if was == nil {
			err = errors.Join(err, os.Rename(earlier, target)) // which names both
		}
		return err
	}
	if err := os.RemoveAll(earlier); err != nil {
		return fmt.Errorf("written, but the earlier folder is still there: %w", err)
	}
	return syncFolder(parent)
}
