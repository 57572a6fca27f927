// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package cache keeps on the disk what was made of files, so that the same bytes
// are decoded once: features, and the reasons why a file has none.
//
// An entry is found by the content of the file, not by its name or its place,
// and by the feature's name and version: whoever changes how a feature is made
// raises its version. [Cache.Do] is all that most callers need.
//
// Any number of processes may use a folder at once, without locks: an entry is a
// file of its own that takes its name when it is complete, and one that is damaged
// is no entry. The room is bounded; what was used least recently goes first. The
// folder may be removed at any time.
//
//	DIR/CACHEDIR.TAG         says whose folder this is; backups pass it over
//	DIR/00/ … DIR/ff/        *.features: entries; *.hash: what is known of a file
//	DIR/tmp/                 what is being written
//	DIR/lock, DIR/size       who counts and removes; the room that is taken
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
	"sync/atomic"
	"syscall"
	"time"

	"github.com/etude-ml/etude/torch/wholefile"
)

// Variable is the environment variable that names the folder.
const Variable = "ETUDE_CACHE"

// defaultBytes is the room that a cache takes if nobody says otherwise.
const defaultBytes = 1 << 30

// Key says what an entry is made of, and how.
type Key struct {
	Feature string   // such as "emotion.logmel"
	Version int      // of the code that makes the feature
	Content [32]byte // SHA-256 of the file, see [Cache.Hash]
}

// Entry is what was made of a file. Empty slices come back as nil; all else
// comes back as it was stored, bit for bit.
type Entry struct {
	Rows  []Row
	Notes []string // what was passed over
	// Failure, unless it is empty, is why there are no features. The content may
	// stand under other names too, so the text must not hold the path.
	Failure string
	Seconds float64 // what making it took
}

// Row is one part of a feature. Rows may differ in their lengths.
type Row struct {
	Part   string
	Values []float32
}

// Options says how a folder is kept.
type Options struct {
	// MaxBytes is the room that the files may take, each counted in whole blocks
	// of 4 KiB; 0 means 1 GiB. An entry of more than an eighth of it, or of more
	// than 64 MiB, is not stored.
	MaxBytes int64
}

// Stats counts what this process did with a cache since [Open].
type Stats struct {
	Hits, Misses int64 // of Get
	Damaged      int64 // of the misses, files that held no entry and were removed
	Stored       int64 // by Put
	Skipped      int64 // by Put: the folder is read-only, out of order or busy, or the entry too large
	Known        int64 // files that Hash knew without reading them
	Hashed       int64 // files that Hash read
	Evicted      int64 // files removed to make room
	// SavedSeconds is what making the entries of all hits took, less what getting
	// them took.
	SavedSeconds float64
	// Fault is why nothing is stored any more, such as a full disk; "" while all
	// is well, and for a read-only folder.
	Fault string
}

// Cache is a folder of entries. Its methods may be called by several goroutines
// at once. A nil Cache is one that holds nothing and stores nothing.
type Cache struct {
	dir  string
	root *os.Root
	max  int64
	now  func() time.Time // tests cannot wait, and cannot set a ctime

	hits, misses, damaged, stored, skipped, known, hashed, evicted, saved atomic.Int64 // saved in nanoseconds

	quiet atomic.Bool // nothing is stored any more
	mu    sync.Mutex  // for what follows
	room  reservation
	fault error
	told  bool // Put has returned the fault
}

// Default is the folder that $ETUDE_CACHE names, or else etude/features in the
// user's cache folder; "" where there is neither.
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

// Open opens a cache, and makes the folder if there is none. A folder that holds
// anything but a cache is an error, and so is one that another user owns or may
// write to, who could put other features into it. One that cannot be written is
// not: what it holds is read.
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
	info, err := root.Stat(".")
	if err == nil {
		err = wholefile.CheckOwner(info)
	}
	if err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("cache: %s %w: name a folder of your own in %s", dir, err, Variable)
	}
	c := &Cache{dir: dir, root: root, max: cmp.Or(o.MaxBytes, defaultBytes), now: time.Now}
	if err := c.claim(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("cache: %s %w", dir, err)
	}
	return c, nil
}

// Do gives what decode makes of the file at path: the stored entry, or else
// decode's, which is then stored, unless the file changed meanwhile. Do measures
// the Seconds if decode leaves them at 0. An error of decode's is returned and
// not stored; what is to be remembered is a Failure. A file that cannot be hashed,
// or is larger than [MaxHash], is left to decode, and a failure to store is found
// in [Stats] alone.
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
	if e.Seconds == 0 {
		e.Seconds = time.Since(start).Seconds()
	}
	if !c.quiet.Load() {
		// Without this, the features of new content would be stored under the hash
		// of the old, and served to every file that holds the old.
		if again, _, err := c.Hash(ctx, path); err != nil || again != sum {
			c.skipped.Add(1)
			return e, nil
		}
	}
	_ = c.Put(k, e) // in Stats
	return e, nil
}

// Get gives the entry of a key, if there is one. A file that is damaged or does
// not hold this key is removed.
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
	if !found || !sound {
		c.misses.Add(1)
		if found {
			c.damaged.Add(1)
		}
		return nil, false
	}
	c.hits.Add(1)
	const most = 1e6 // seconds; what is stored may be any number
	if e.Seconds > 0 && e.Seconds < most {
		c.saved.Add(int64(e.Seconds * 1e9))
	}
	c.saved.Add(-int64(time.Since(start)))
	return e, true
}

// Put stores the entry of a key, in place of one that is there. The entry must
// have been made of the content that the key names: a file may change between
// Hash and decoding, which [Cache.Do] looks after.
//
// Storing is a favour: where the folder is read-only, Put does nothing. Where it
// fails otherwise, on a full disk say, one Put of the process returns the error,
// and all do nothing from then on.
func (c *Cache) Put(k Key, e *Entry) error {
	if c == nil {
		return nil
	}
	stored := false
	if !c.quiet.Load() {
		stored = c.store(k.file(), encodeEntry(k, e))
	}
	if stored {
		c.stored.Add(1)
		return nil
	}
	c.skipped.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == nil || c.told {
		return nil
	}
	c.told = true
	return c.fault
}

// Stats tells what was done so far.
func (c *Cache) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	s := Stats{
		Hits: c.hits.Load(), Misses: c.misses.Load(), Damaged: c.damaged.Load(),
		Stored: c.stored.Load(), Skipped: c.skipped.Load(),
		Known: c.known.Load(), Hashed: c.hashed.Load(), Evicted: c.evicted.Load(),
		SavedSeconds: float64(c.saved.Load()) / 1e9,
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil {
		s.Fault = c.fault.Error()
	}
	return s
}

// Close gives back what the process had reserved. Nothing is stored or found
// afterwards.
func (c *Cache) Close() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.quiet.Swap(true) {
		c.giveBack()
	}
	if err := c.root.Close(); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}

// giveUp stores nothing from now on. Only a folder that may not be written is no
// fault.
func (c *Cache) giveUp(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quiet.Swap(true) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return
	}
	mend := "check the folder"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		mend = "free some room"
	}
	c.fault = fmt.Errorf("cache: nothing more is stored in %s: %w: %s, or name another folder in %s", c.dir, err, mend, Variable)
}
