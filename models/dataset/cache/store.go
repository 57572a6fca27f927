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
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/etude-ml/etude/torch/wholefile"
)

// Variable is the environment variable that names the folder.
const Variable = "ETUDE_CACHE"

const (
	// maxBytes is the room that the files may take, each counted in whole blocks. A file
	// of more than an eighth of it, or of more than maxFile, is not stored. Each process
	// that stores may exceed it by a 64th.
	maxBytes   = 1 << 30
	block      = 4096 // of usual file systems
	folderMode = 0o700
	touchAfter = time.Hour // so that reading stays reading

	markerFile = "CACHEDIR.TAG"
	// The first line is that of bford.info/cachedir.
	markerText = "Signature: 8a477f597d28d172789f06886806bc55\n" +
		"# Etude keeps here what it made of audio and MIDI files. All of it may be removed.\n"
)

var (
	folderName = regexp.MustCompile(`^[0-9a-f]{2}$`)
	fileName   = regexp.MustCompile(`^[0-9a-f]{62}(` + entrySuffix + `|` + hashSuffix + `)$`)
)

// Cache is a folder of entries. Its methods may be called by several goroutines
// at once.
type Cache struct {
	dir  string
	root *os.Root         // reading and removing never leave dir
	max  int64            // maxBytes, but for tests
	now  func() time.Time // tests cannot wait, and cannot set a ctime

	hits, misses, damaged atomic.Int64 // see Stats

	quiet   atomic.Bool // nothing is stored any more
	writing sync.Mutex  // for what follows
	free    int64       // room that may be filled before the files are counted
	fault   string      // why nothing is stored any more, see Stats
}

// Default returns the folder that $ETUDE_CACHE names, or else etude/features in the
// user's cache folder, or "" where there is neither.
func Default() string {
	if dir := os.Getenv(Variable); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "etude", "features")
}

// Open opens a cache, and makes the folder if there is none. It refuses a folder
// that holds anything but a cache, and one that another user owns or may write to,
// who could put other features into it. It accepts one that cannot be written, and
// reads what that holds.
func Open(dir string) (*Cache, error) {
	if dir == "" {
		return nil, fmt.Errorf("cache: no folder: set %s (there is no user cache folder, as neither XDG_CACHE_HOME nor HOME is set)", Variable)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %s: %w", dir, err)
	}
	var root *os.Root
	if err = os.MkdirAll(dir, folderMode); err == nil {
		root, err = os.OpenRoot(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("cache: %w: name another folder in %s", err, Variable)
	}
	c := &Cache{dir: dir, root: root, max: maxBytes, now: time.Now}
	if err := c.claim(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("cache: %s %w in %s", dir, err, Variable)
	}
	return c, nil
}

// claim makes the folder a cache if it is none yet. Its error ends with what to name
// instead.
func (c *Cache) claim() error {
	info, err := c.root.Stat(".")
	if err == nil {
		err = wholefile.CheckOwner(info)
	}
	if err != nil {
		return fmt.Errorf("%w: name a folder of your own", err)
	}
	if c.marked() {
		return nil
	}
	list, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("cannot be listed: %w: name another folder", err)
	}
	for _, d := range list {
		name := d.Name()
		info, err := d.Info()
		mine := d.IsDir() && folderName.MatchString(name) ||
			name == markerFile && err == nil && info.Size() == 0 // after a power cut
		if !mine && !c.marked() { // another process may have been faster
			return fmt.Errorf("holds %s and no cache: name a folder of its own", name)
		}
	}
	if err := wholefile.Scratch(filepath.Join(c.dir, markerFile), []byte(markerText)); err != nil {
		return fmt.Errorf("cannot be made a cache: %w: name another folder", err)
	}
	return nil
}

// marked reports whether the folder has the mark of a cache.
func (c *Cache) marked() bool {
	f, _, err := wholefile.OpenIn(c.root, markerFile)
	if err != nil {
		return false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(len(markerText))+1))
	return err == nil && string(text) == markerText
}

// load reads the entry of a key, if it is there, and marks it as used. It removes a
// file that holds no such entry.
func (c *Cache) load(k Key) (*Entry, bool) {
	name := k.file()
	f, size, err := wholefile.OpenIn(c.root, name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	var e *Entry
	if err = errFormat; size <= maxFile {
		b := make([]byte, size)
		if _, err := io.ReadFull(f, b); err != nil {
			return nil, false // the disk failed, perhaps for a moment only
		}
		e, err = decodeEntry(b, k)
	}
	if err != nil {
		c.damaged.Add(1)
		_ = c.root.Remove(name)
		return nil, false
	}
	if info, err := f.Stat(); err == nil && time.Since(info.ModTime()).Abs() >= touchAfter {
		now := time.Now()
		_ = c.root.Chtimes(name, now, now) // the folder may be read-only
	}
	return e, true
}

// Put stores the entry of a key, in place of one that is there. The entry must
// have been made of the content that the key names: a file may change between
// Hash and decoding, which [Cache.Do] looks after.
//
// Storing only saves time: an entry that is too large is not stored, and where the
// folder is read-only, Put does nothing. Where it fails otherwise, on a full disk for
// example, it returns the error, and the process stores nothing from then on.
func (c *Cache) Put(k Key, e *Entry) error {
	b := encodeEntry(k, e)
	if b == nil || len(b) > maxFile || blocks(int64(len(b))) > c.max/8 {
		return nil
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.quiet.Load() {
		return nil
	}
	err := c.write(k.file(), b)
	c.quiet.Store(err != nil)
	if err == nil || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil
	}
	fix := "check the folder"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		fix = "free some room"
	}
	err = fmt.Errorf("cache: nothing more is stored in %s: %w: %s, or name another folder in %s", c.dir, err, fix, Variable)
	c.fault = err.Error()
	return err
}

// write stores a file, unless there is no place for just this one.
func (c *Cache) write(name string, b []byte) error {
	need := blocks(int64(len(b)))
	if c.free < need {
		if err := c.makeRoom(need); err != nil {
			return err
		}
		if c.free < need { // others' files cannot be removed
			return nil
		}
	}
	folder := path.Dir(name)
	if err := c.root.Mkdir(folder, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, err := c.root.Lstat(folder); err != nil || !info.IsDir() { // a link must not be followed
		return nil
	}
	if info, err := c.root.Lstat(name); err == nil && !info.Mode().IsRegular() {
		_ = c.root.Remove(name)
	}
	err := wholefile.Scratch(filepath.Join(c.dir, name), b)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process has just cleared the cache
	}
	c.free -= need
	return err
}

// makeRoom counts the files, removes those used least recently, if need be, so that so
// many bytes fit, and removes what killed writers have left. Other processes may store
// meanwhile, so the files are counted again after a 64th of the room.
func (c *Cache) makeRoom(need int64) error {
	for folder := range c.folders() {
		_ = wholefile.Sweep(filepath.Join(c.dir, folder))
	}
	all, taken, err := c.scan()
	if err != nil {
		return err
	}
	if taken+need > c.max {
		slices.SortFunc(all, func(a, b file) int { return a.used.Compare(b.used) })
		for _, f := range all {
			if taken <= min(c.max/10*9, c.max-need) { // or the next file would begin again
				break
			}
			if err := c.root.Remove(f.path); err == nil || errors.Is(err, fs.ErrNotExist) {
				taken -= f.bytes
			}
		}
	}
	c.free = min(c.max-taken, max(c.max/64, need))
	return nil
}

// file is a file of the cache.
type file struct {
	path  string // from the folder
	bytes int64  // in whole blocks
	used  time.Time
}

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

// scan lists the files of the cache, and the bytes that they take.
func (c *Cache) scan() (all []file, taken int64, failed error) {
	for folder := range c.folders() {
		list, err := fs.ReadDir(c.root.FS(), folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = cmp.Or(failed, err)
		}
		for _, d := range list {
			if info, err := d.Info(); err == nil && info.Mode().IsRegular() && fileName.MatchString(d.Name()) {
				all = append(all, file{folder + "/" + d.Name(), blocks(info.Size()), info.ModTime()})
				taken += blocks(info.Size())
			}
		}
	}
	return all, taken, failed
}

// blocks returns the room that a file of a size takes.
func blocks(size int64) int64 { return max(1, (size+block-1)/block) * block }

// Size counts the entries that are stored, and the bytes that they and all else
// take, in whole blocks of 4 KiB.
func (c *Cache) Size() (entries int, bytes int64, err error) {
	all, bytes, err := c.scan()
	if err != nil {
		return 0, 0, fmt.Errorf("cache: %w", err)
	}
	for _, f := range all {
		if path.Ext(f.path) == entrySuffix {
			entries++
		}
	}
	return entries, bytes, nil
}

// Clear removes all that is stored. The folder stays, and so does every file that
// is not the cache's. A folder without the mark of a cache is left alone, with an
// error.
func (c *Cache) Clear() error {
	if !c.marked() {
		return fmt.Errorf("cache: %s has no %s of Etude's: nothing was removed; remove the folder yourself", c.dir, markerFile)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.free = 0
	all, _, failed := c.scan()
	for _, f := range all {
		if err := c.root.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = cmp.Or(failed, err)
		}
	}
	for folder := range c.folders() {
		_ = wholefile.Sweep(filepath.Join(c.dir, folder))
		_ = c.root.Remove(folder) // unless something is in it
	}
	if failed != nil {
		return fmt.Errorf("cache: %s is not quite empty: %w", c.dir, failed)
	}
	return nil
}

// Close ends the use of the folder. Nothing is stored or found afterwards.
func (c *Cache) Close() error {
	c.quiet.Store(true)
	if err := c.root.Close(); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}
