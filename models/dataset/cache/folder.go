// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const (
	folderMode = 0o700
	fileMode   = 0o600

	markerFile = "CACHEDIR.TAG"
	// The first line is that of bford.info/cachedir.
	markerText = "Signature: 8a477f597d28d172789f06886806bc55\n" +
		"# Etude keeps here what it made of audio and MIDI files. All of it may be removed.\n"
	lockFile   = "lock"
	sizeFile   = "size"
	tempFolder = "tmp"
	tempAge    = time.Hour // nobody takes that long to write a file
)

// Size counts the entries that are stored, and the bytes that they and all else
// take, in blocks as [Options] says.
func (c *Cache) Size() (entries int, bytes int64, err error) {
	if c == nil {
		return 0, 0, nil
	}
	err = c.scan(func(_ *os.Root, f file) {
		if !f.hash {
			entries++
		}
		bytes += f.bytes
	})
	if err != nil {
		return 0, 0, fmt.Errorf("cache: %w", err)
	}
	return entries, bytes, nil
}

// Clear removes all that is stored. The folder stays, and so does every file that
// is none of the cache's. A folder that does not say that it is a cache is left
// alone, with an error.
func (c *Cache) Clear() error {
	if c == nil {
		return nil
	}
	if !c.marked() {
		return fmt.Errorf("cache: %s has no %s of Etude's: nothing was removed; remove the folder yourself", c.dir, markerFile)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room = reservation{}
	// Whoever counts meanwhile counts too much, which mends itself.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	lock := c.lock()
	if held, err := lock.TryLockContext(ctx, 10*time.Millisecond); err == nil && held {
		defer func() { _ = lock.Unlock() }()
	}
	var failed error
	try := func(err error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) && failed == nil {
			failed = err
		}
	}
	try(c.root.Remove(sizeFile))
	try(c.scan(func(dir *os.Root, f file) { try(dir.Remove(f.name())) }))
	try(c.sweep(0))
	for i := range 256 {
		c.removeFolder(hex.EncodeToString([]byte{byte(i)}))
	}
	c.removeFolder(tempFolder)
	if failed != nil {
		return fmt.Errorf("cache: %s is not quite empty: %w", c.dir, failed)
	}
	return nil
}

// removeFolder removes a folder unless anything is in it.
func (c *Cache) removeFolder(name string) {
	if info, err := c.root.Lstat(name); err == nil && info.IsDir() {
		_ = c.root.Remove(name)
	}
}

// claim makes the folder a cache if it is none yet.
func (c *Cache) claim() error {
	if c.marked() {
		return nil
	}
	list, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("cannot be listed: %w", err)
	}
	for _, d := range list {
		name := d.Name()
		info, err := d.Info()
		mine := name == lockFile || name == sizeFile || d.IsDir() && (name == tempFolder || isHex(name, 2)) ||
			name == markerFile && err == nil && info.Size() == 0 // after a power cut
		if !mine && !c.marked() { // another process may have been faster
			return fmt.Errorf("holds %s and no cache: name a folder of its own in %s", name, Variable)
		}
	}
	if err := c.replace(markerFile, []byte(markerText)); err != nil {
		return fmt.Errorf("cannot be made a cache: %w: name another folder in %s", err, Variable)
	}
	return nil
}

func (c *Cache) marked() bool {
	f, err := c.root.OpenFile(markerFile, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(len(markerText))+1))
	return err == nil && string(text) == markerText
}

// scan goes through all files of the cache's, with the folder that each is in,
// and gives the first error. Links are none of them, and lead nowhere.
func (c *Cache) scan(visit func(dir *os.Root, f file)) error {
	var failed error
	for i := range 256 {
		folder := hex.EncodeToString([]byte{byte(i)})
		err := c.list(folder, func(dir *os.Root, info fs.FileInfo) {
			if f, ok := parseName(folder, info.Name()); ok {
				f.bytes, f.used = blocks(info.Size()), info.ModTime().UnixNano()
				visit(dir, f)
			}
		})
		if failed == nil {
			failed = err
		}
	}
	return failed
}

// sweep removes what a writer that was killed has left.
func (c *Cache) sweep(age time.Duration) error {
	var failed error
	err := c.list(tempFolder, func(dir *os.Root, info fs.FileInfo) {
		if isTemp(info.Name()) && time.Since(info.ModTime()) >= age {
			if err := dir.Remove(info.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = err
			}
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// list goes through the regular files of a folder that need not exist.
func (c *Cache) list(folder string, visit func(dir *os.Root, info fs.FileInfo)) error {
	if info, err := c.root.Lstat(folder); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil
	}
	dir, err := c.root.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1) // all, as visit may remove
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range names {
		if info, err := dir.Lstat(name); err == nil && info.Mode().IsRegular() {
			visit(dir, info)
		}
	}
	return nil
}
