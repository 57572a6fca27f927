// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package cache keeps on the disk what was made of files, so that the same bytes
// are decoded once: features, and the reasons why a file has none.
//
// An entry is found by the content of the file, not by its name or its place, and
// by the feature's name and version: whoever changes how a feature is made raises
// its version. [Cache.Do] is all that most callers need.
//
// Several processes may use a folder at once, without locks: an entry is a file of
// its own that takes its name when it is complete, and a damaged one counts as
// missing. The room is bounded: what was used least recently goes first. The folder
// may be removed at any time.
//
//	DIR/CACHEDIR.TAG       marks the folder as a cache; backup programs skip it
//	DIR/00/ … DIR/ff/      *.features: entries; *.hash: the content hash of a file
package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/etude-ml/etude/torch/wholefile"
)

// Variable is the environment variable that names the folder.
const Variable = "ETUDE_CACHE"

// defaultBytes is the room that a cache takes where Options name none.
const defaultBytes = 1 << 30

// Key identifies an entry: what it is made of, and how.
type Key struct {
	Feature string   // such as "emotion.logmel"
	Version int      // of the code that makes the feature
	Content [32]byte // SHA-256 of the file, see [Cache.Hash]
}

// Entry holds what was made of a file. Empty slices come back as nil; all else
// comes back as it was stored, bit for bit.
type Entry struct {
	Rows  []Row
	Notes []string // what the decoder passed over
	// Failure, unless it is empty, is why there are no features. The content may
	// stand under other names too, so the text must not hold the path.
	Failure string
	Seconds float64 // that making the entry took
}

// Row is one part of a feature. Rows may differ in their lengths.
type Row struct {
	Part   string
	Values []float32
}

// Options sets how a folder is kept.
type Options struct {
	// MaxBytes is the room that the files may take, each counted in whole blocks
	// of 4 KiB; 0 means 1 GiB. An entry of more than an eighth of it, or of more
	// than 64 MiB, is not stored. n processes that store at once may exceed it by
	// n 64ths.
	MaxBytes int64
}

// Stats counts what this process did with a cache since [Open].
type Stats struct {
	Hits, Misses int64 // of Get
	Damaged      int64 // misses whose file held no entry and was removed
	Stored       int64 // by Put
	Skipped      int64 // by Put: the folder cannot be written, or the entry is too large
	Known        int64 // files that Hash knew without reading them
	Hashed       int64 // files that Hash read
	Evicted      int64 // files removed to make room
	// SavedSeconds is the time that making the entries of all hits took, less the
	// time that getting them took.
	SavedSeconds float64
	// Fault says why nothing is stored any more, such as a full disk; it is empty
	// while all is well, and for a read-only folder.
	Fault string
}

// Cache is a folder of entries. Its methods may be called by several goroutines
// at once. A nil Cache holds nothing and stores nothing.
type Cache struct {
	dir  string
	root *os.Root // reading and removing never leave dir
	max  int64
	now  func() time.Time // tests cannot wait, and cannot set a ctime

	counting sync.Mutex // for stats
	stats    Stats

	writing sync.Mutex // for what follows
	free    int64      // room that may be filled before the files are counted
	swept   bool       // the remains of killed writers are removed
	quiet   bool       // nothing is stored any more
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
func Open(dir string, o Options) (*Cache, error) {
	if dir == "" {
		return nil, fmt.Errorf("cache: no folder: set %s (there is no user cache folder, as neither XDG_CACHE_HOME nor HOME is set)", Variable)
	}
	if o.MaxBytes < 0 {
		return nil, fmt.Errorf("cache: MaxBytes is %d: give a number of bytes, or 0 for %d", o.MaxBytes, int64(defaultBytes))
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("cache: %w: name another folder in %s", err, Variable)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %w: name another folder in %s", err, Variable)
	}
	c := &Cache{dir: dir, root: root, max: cmp.Or(o.MaxBytes, defaultBytes), now: time.Now}
	info, err := root.Stat(".")
	if err == nil {
		err = wholefile.CheckOwner(info)
	}
	if err != nil {
		err = fmt.Errorf("cache: %s %w: name a folder of your own in %s", dir, err, Variable)
	} else if err = c.claim(); err != nil {
		err = fmt.Errorf("cache: %s %w", dir, err)
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return c, nil
}

// Do returns what decode makes of the file at path: the stored entry, or else
// decode's, which it then stores, unless the file changed meanwhile. Do measures
// the Seconds if decode leaves them at 0. It returns an error of decode without
// storing it; a Failure is what is remembered. A file that cannot be hashed, or is
// larger than [MaxHash], is left to decode, and a failure to store shows in [Stats]
// only.
func (c *Cache) Do(ctx context.Context, path, feature string, version int, decode func() (*Entry, error)) (*Entry, error) {
	if c == nil {
		return decode()
	}
	sum, _, err := c.Hash(ctx, path)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return decode()
	}
	k := Key{feature, version, sum}
	if e, ok := c.Get(k); ok {
		return e, nil
	}
	start := time.Now()
	e, err := decode()
	if err != nil || e == nil {
		return nil, err
	}
	e.Seconds = cmp.Or(e.Seconds, time.Since(start).Seconds())
	if c.stores() {
		// Without this, the features of new content would be stored under the hash
		// of the old, and served to every file that holds the old.
		if again, _, err := c.Hash(ctx, path); err != nil || again != sum {
			c.count(&c.stats.Skipped)
			return e, nil
		}
	}
	_ = c.Put(k, e) // in Stats
	return e, nil
}

// Get returns the entry of a key, if there is one. It removes a file that is
// damaged or does not hold this key.
func (c *Cache) Get(k Key) (*Entry, bool) {
	if c == nil {
		return nil, false
	}
	start := time.Now()
	var e *Entry
	found, sound := c.load(k.file(), func(b []byte) (err error) {
		e, err = decodeEntry(b, k)
		return err
	})
	c.counting.Lock()
	defer c.counting.Unlock()
	if !sound {
		c.stats.Misses++
		if found {
			c.stats.Damaged++
		}
		return nil, false
	}
	c.stats.Hits++
	const most = 1e6 // seconds; what is stored may be any number
	if e.Seconds > 0 && e.Seconds < most {
		c.stats.SavedSeconds += e.Seconds
	}
	c.stats.SavedSeconds -= time.Since(start).Seconds()
	return e, true
}

// Put stores the entry of a key, in place of one that is there. The entry must
// have been made of the content that the key names: a file may change between
// Hash and decoding, which [Cache.Do] looks after.
//
// Storing only saves time: where the folder is read-only, Put does nothing. Where
// it fails otherwise, on a full disk say, it returns the error, and the process
// stores nothing from then on.
func (c *Cache) Put(k Key, e *Entry) error {
	if c == nil {
		return nil
	}
	stored, err := c.store(k.file(), encodeEntry(k, e))
	if stored {
		c.count(&c.stats.Stored)
	} else {
		c.count(&c.stats.Skipped)
	}
	return err
}

// Stats returns what was counted so far.
func (c *Cache) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	c.counting.Lock()
	defer c.counting.Unlock()
	return c.stats
}

func (c *Cache) count(counter *int64) {
	c.counting.Lock()
	*counter++
	c.counting.Unlock()
}

// Size counts the entries that are stored, and the bytes that they and all else
// take, in blocks as [Options] says.
func (c *Cache) Size() (entries int, bytes int64, err error) {
	if c == nil {
		return 0, 0, nil
	}
	err = c.scan(func(f file) {
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
// is not the cache's. A folder without the mark of a cache is left alone, with an
// error.
func (c *Cache) Clear() error {
	if c == nil {
		return nil
	}
	if !c.marked() {
		return fmt.Errorf("cache: %s has no %s of Etude's: nothing was removed; remove the folder yourself", c.dir, markerFile)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.free = 0
	var failed error
	err := c.scan(func(f file) {
		if err := c.root.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = err
		}
	})
	for folder := range c.folders() {
		_ = wholefile.Sweep(filepath.Join(c.dir, folder))
		_ = c.root.Remove(folder) // unless something is in it
	}
	if err = cmp.Or(err, failed); err != nil {
		return fmt.Errorf("cache: %s is not quite empty: %w", c.dir, err)
	}
	return nil
}

// Close ends the use of the folder. Nothing is stored or found afterwards.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	c.writing.Lock()
	c.quiet = true
	c.writing.Unlock()
	if err := c.root.Close(); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}
