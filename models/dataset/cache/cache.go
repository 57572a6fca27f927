// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package cache keeps on the disk what was made of files, so that the same bytes
// are decoded once: features, and the reasons why a file has none.
//
// An entry is found by the content of the file, not by its name or its place, and
// by the feature's name and version: whoever changes how a feature is made raises
// its version. [Cache.Do] is all that most callers need.
//
// Entries are appended to files of many, called segments, because making a file takes
// longer than making the features of a short one. Several processes may use a folder at
// once, also of several machines on a network folder: each appends to a segment that it has
// locked, of those that its own machine began, because a lock may not reach further, and
// reads all of them. What a process of another machine stores is found once its system has
// written it, at the latest when that process ends. An entry
// counts when it is complete, and a damaged one as missing. The room is bounded: the
// segment that was used least recently is removed first. The folder may be removed at
// any time.
//
//	DIR/CACHEDIR.TAG       marks the folder as a cache; backup programs skip it
//	DIR/v3-*.features      the segments
package cache

import "context"

// Stats counts what this process did with a cache since [Open].
type Stats struct {
	Hits, Misses int64 // of Get
	Damaged      int64 // entries that were not what was stored
	// Fault says why nothing is stored any more, such as a full disk; it is empty
	// while all is well, and for a read-only folder.
	Fault string
}

// Do returns what decode makes of the file at path: the stored entry, or else
// decode's, which it then stores, unless the file changed meanwhile. It returns an
// error of decode without storing it, but stores a Failure. A file that cannot be hashed,
// or is larger than [MaxHash], is left to decode, and a failure to store shows in [Stats]
// only. A nil Cache decodes.
func (c *Cache) Do(ctx context.Context, path, feature string, version int, decode func() (*Entry, error)) (*Entry, error) {
	if c == nil {
		return decode()
	}
	sum, err := c.Hash(ctx, path)
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
	e, err := decode()
	if err != nil || e == nil || c.quiet.Load() {
		return e, err
	}
	// Without this, the features of new content would be stored under the hash of
	// the old, and served to every file that holds the old.
	if again, err := c.Hash(ctx, path); err == nil && again == sum {
		_ = c.Put(k, e) // in Stats
	}
	return e, nil
}

// Get returns the entry of a key, if there is one; what another process has stored since
// Open may be missing for a second. A segment with a damaged entry is removed, unless a
// process appends to it, or another machine has within an hour.
func (c *Cache) Get(k Key) (*Entry, bool) {
	e, ok := c.load(k)
	if ok {
		c.hits.Add(1)
	} else {
		c.misses.Add(1)
	}
	return e, ok
}

// Stats returns what was counted so far.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{c.hits.Load(), c.misses.Load(), c.damaged.Load(), c.fault}
}
