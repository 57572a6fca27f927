// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

const touchAfter = time.Hour // so that reading stays reading

// load reads a file of the cache's, if it is there, and marks it as used. A file
// that decode refuses is not sound, and is removed.
func (c *Cache) load(name string, decode func([]byte) error) (found, sound bool) {
	f, err := c.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, false
	}
	if info.Mode().IsRegular() && info.Size() <= maxFile {
		b := make([]byte, info.Size())
		_, err := io.ReadFull(f, b)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return false, false // the disk's fault, perhaps for a moment only
		}
		if err == nil && decode(b) == nil {
			if now := time.Now(); now.Sub(info.ModTime()).Abs() >= touchAfter {
				_ = c.root.Chtimes(name, now, now) // the folder may be read-only
			}
			return true, true
		}
	}
	_ = c.root.Remove(name)
	return true, false
}

// store writes a file of the cache's, and tells whether it did. nil is too large.
func (c *Cache) store(name string, b []byte) bool {
	if b == nil || len(b) > maxFile || blocks(int64(len(b))) > c.max/8 {
		return false
	}
	need := blocks(int64(len(b)))
	if info, err := c.root.Lstat(name); err == nil && info.Mode().IsRegular() {
		need -= blocks(info.Size()) // it takes that one's place
	}
	ok, err := c.reserve(need)
	if ok && err == nil {
		err = c.replace(name, b)
	}
	if errors.Is(err, errCleared) {
		return false
	}
	if err != nil {
		c.giveUp(err)
	}
	return ok && err == nil
}

var errCleared = errors.New("it was removed before it was complete")

// replace gives a file its content. No reader sees a part of it, as long as the
// machine has power; after that the checksum tells.
func (c *Cache) replace(name string, b []byte) error {
	temp := path.Join(tempFolder, rand.Text()+tempSuffix)
	var f *os.File
	err := c.inFolder(tempFolder, func() (err error) {
		f, err = c.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		return err
	})
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = c.inFolder(path.Dir(name), func() error { return c.root.Rename(temp, name) })
		if errors.Is(err, fs.ErrNotExist) {
			return errCleared
		}
	}
	if err != nil {
		_ = c.root.Remove(temp)
	}
	return err
}

// inFolder does something that needs a folder, and makes it where it is missing.
// Another process may be removing it as often.
func (c *Cache) inFolder(folder string, do func() error) error {
	err := do()
	for range 3 {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if e := c.root.Mkdir(folder, folderMode); e != nil && !errors.Is(e, fs.ErrExist) {
			return e
		}
		err = do()
	}
	return err
}
