// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"github.com/etude-ml/etude/torch/wholefile"
)

const (
	folderMode = 0o700
	block      = 4096      // of usual file systems
	touchAfter = time.Hour // so that reading stays reading

	markerFile = "CACHEDIR.TAG"
	// The first line is that of bford.info/cachedir.
	markerText = "Signature: 8a477f597d28d172789f06886806bc55\n" +
		"# Etude keeps here what it made of audio and MIDI files. All of it may be removed.\n"
)

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
		mine := d.IsDir() && folderName.MatchString(name) ||
			name == markerFile && err == nil && info.Size() == 0 // after a power cut
		if !mine && !c.marked() { // another process may have been faster
			return fmt.Errorf("holds %s and no cache: name a folder of its own in %s", name, Variable)
		}
	}
	if err := wholefile.Scratch(filepath.Join(c.dir, markerFile), []byte(markerText)); err != nil {
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

// file is a file of the cache.
type file struct {
	path  string // from the folder
	hash  bool   // not an entry
	bytes int64  // in whole blocks
	used  int64  // when, in nanoseconds since 1970
}

var (
	folderName = regexp.MustCompile(`^[0-9a-f]{2}$`)
	fileName   = regexp.MustCompile(`^[0-9a-f]{62}(` + entrySuffix + `|` + hashSuffix + `)$`)
)

// folders yields those of the 256 folders that are there. Links to folders are not
// the cache's.
func (c *Cache) folders() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range 256 {
			folder := hex.EncodeToString([]byte{byte(i)})
			if info, err := c.root.Lstat(folder); err == nil && info.IsDir() && !yield(folder) {
				return
			}
		}
	}
}

// scan visits all files of the cache, and returns the first error.
func (c *Cache) scan(visit func(file)) error {
	var failed error
	for folder := range c.folders() {
		list, err := fs.ReadDir(c.root.FS(), folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = cmp.Or(failed, err)
		}
		for _, d := range list {
			if !fileName.MatchString(d.Name()) {
				continue
			}
			if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
				visit(file{folder + "/" + d.Name(), path.Ext(d.Name()) == hashSuffix, blocks(info.Size()), info.ModTime().UnixNano()})
			}
		}
	}
	return failed
}

// blocks returns the room that a file of a size takes.
func blocks(size int64) int64 { return max(1, (size+block-1)/block) * block }

// load reads a file of the cache, if it is there, and marks it as used. It removes
// one that decode refuses: that one is not sound.
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

// stores reports whether the process may still store something.
func (c *Cache) stores() bool {
	c.writing.Lock()
	defer c.writing.Unlock()
	return !c.quiet
}

// errNoPlace reports that a file cannot be stored, though others can.
var errNoPlace = errors.New("no place for the file")

// store writes a file of the cache, and reports whether it did. b is nil where it
// would be too large. The first error ends all storing of the process; it is
// returned unless the folder merely may not be written.
func (c *Cache) store(name string, b []byte) (bool, error) {
	if b == nil || len(b) > maxFile || blocks(int64(len(b))) > c.max/8 {
		return false, nil
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.quiet {
		return false, nil
	}
	err := c.write(name, b)
	if err == nil || errors.Is(err, errNoPlace) {
		return err == nil, nil
	}
	c.quiet = true
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return false, nil
	}
	fix := "check the folder"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		fix = "free some room"
	}
	err = fmt.Errorf("cache: nothing more is stored in %s: %w: %s, or name another folder in %s", c.dir, err, fix, Variable)
	c.counting.Lock()
	defer c.counting.Unlock()
	c.stats.Fault = err.Error()
	return false, err
}

func (c *Cache) write(name string, b []byte) error {
	need := blocks(int64(len(b)))
	switch info, err := c.root.Lstat(name); {
	case err == nil && info.Mode().IsRegular():
		need -= blocks(info.Size()) // it takes that one's place
	case err == nil:
		_ = c.root.Remove(name) // a link must not be followed
	}
	if need > c.free {
		if err := c.makeRoom(need); err != nil {
			return err
		}
	}
	folder := path.Dir(name)
	if err := c.root.Mkdir(folder, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, err := c.root.Lstat(folder); err != nil || !info.IsDir() {
		return errNoPlace
	}
	err := wholefile.Scratch(filepath.Join(c.dir, name), b)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoPlace // another process has just cleared the cache
	}
	c.free -= max(0, need)
	return err
}

// makeRoom counts the files, and removes those used least recently, if need be, so
// that so many bytes fit. Other processes may store meanwhile, so after a 64th of
// the room the files are counted again.
func (c *Cache) makeRoom(need int64) error {
	if !c.swept {
		for folder := range c.folders() {
			_ = wholefile.Sweep(filepath.Join(c.dir, folder))
		}
		c.swept = true
	}
	var all []file
	var taken int64
	if err := c.scan(func(f file) { all, taken = append(all, f), taken+f.bytes }); err != nil {
		return err
	}
	var failed error
	if taken+need > c.max {
		slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.used, b.used) })
		target := min(c.max/10*9, c.max-need) // or the next file would begin again
		for _, f := range all {
			if taken <= target {
				break
			}
			if err := c.root.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = err // another user's, perhaps
				continue
			}
			c.count(&c.stats.Evicted)
			taken -= f.bytes
		}
	}
	if taken+need > c.max {
		return cmp.Or(failed, errNoPlace)
	}
	c.free = min(c.max-taken, max(c.max/64, need))
	return nil
}
