// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Counting all files takes a while, so the room that is taken stands in a file.
// A process reserves a share of the bound at once, adds it there, under the lock,
// and then stores without asking until the share is used up. One that is killed
// leaves the number too high, never too low. When the number reaches the bound,
// the files are counted, and removed if it is true.

// reservation is the room that a process may still fill.
type reservation struct {
	free  int64
	owed  int64  // filled without asking, while another process counted
	epoch uint64 // of the count that free belongs to
	swept bool

	sulking time.Time // until then
}

// share is how much is reserved at a time. n processes that store at once exceed
// the bound by n shares at most, or by n of their largest files.
func (c *Cache) share() int64 { return c.max / 64 }

// target is what removing leaves: it is not to begin again with the next file.
func (c *Cache) target() int64 { return c.max / 10 * 9 }

// patience is how long to wait for a process that counts, and sulk how long not
// to wait again for one that took longer: it may be stopped.
const (
	patience = 100 * time.Millisecond
	sulk     = time.Second
)

// reserve tells whether a file of so many bytes may be stored. While another
// process counts, a process has one share on trust; what goes beyond waits a
// moment, and is not stored if that was too short.
func (c *Cache) reserve(need int64) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.room
	if need <= 0 || r.free >= need {
		r.free -= max(0, need)
		return true, nil
	}
	lock := c.lock()
	held, err := lock.TryLock()
	if err != nil && !lockless(err) {
		return false, err
	}
	if err == nil && !held {
		if r.owed+need <= max(need, c.share()) {
			r.owed += need
			return true, nil
		}
		if time.Now().Before(r.sulking) {
			return false, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if held, _ = lock.TryLockContext(ctx, patience/50); !held { // nor by then
			r.sulking = time.Now().Add(sulk)
			return false, nil
		}
	}
	defer func() { _ = lock.Unlock() }()
	if !r.swept {
		r.swept = true
		_ = c.sweep(tempAge) // another process may do it
	}
	want := max(need, c.share())
	epoch, taken, err := c.readSize()
	if err != nil || taken+r.owed+want > c.max {
		if taken, err = c.evict(want); err != nil {
			return false, err
		}
		epoch = uint64(time.Now().UnixNano())
	} else {
		taken += r.owed
	}
	if r.epoch != epoch {
		r.free, r.epoch = 0, epoch // counted as what it is
	}
	r.owed = 0
	if err := c.writeSize(epoch, taken+want); err != nil {
		return false, err
	}
	r.free += want - need
	return true, nil
}

// giveBack returns what was reserved and not used.
func (c *Cache) giveBack() {
	change := c.room.owed - c.room.free
	if change == 0 {
		return
	}
	lock := c.lock()
	if held, err := lock.TryLock(); err == nil && !held || err != nil && !lockless(err) {
		return // the number stays too high until the next count
	}
	defer func() { _ = lock.Unlock() }()
	if epoch, taken, err := c.readSize(); err == nil && epoch == c.room.epoch {
		_ = c.writeSize(epoch, taken+change)
	}
}

// evict counts the files, and removes those used least recently, if need be, so
// that there is room for so many bytes. It gives what is taken then.
func (c *Cache) evict(room int64) (taken int64, err error) {
	var all []file
	if err := c.scan(func(_ *os.Root, f file) { all, taken = append(all, f), taken+f.bytes }); err != nil {
		return 0, err
	}
	if taken+room <= c.max {
		return taken, nil
	}
	_ = c.sweep(tempAge)
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.used, b.used) })
	target := min(c.target(), c.max-room)
	var failed error
	for _, f := range all {
		if taken <= target {
			break
		}
		if err := c.root.Remove(f.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = err // another user's, perhaps
			continue
		}
		c.evicted.Add(1)
		taken -= f.bytes
	}
	if taken+room > c.max {
		return 0, failed
	}
	return taken, nil
}

func (c *Cache) lock() *flock.Flock {
	return flock.New(filepath.Join(c.dir, lockFile), flock.SetPermissions(fileMode))
}

// lockless tells that the file system has no locks. Counting goes on without
// one: two at once remove too much, or count too little for a while.
func lockless(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK) || errors.Is(err, syscall.EINVAL)
}

// readSize reads the number of the last count and the room that is taken.
func (c *Cache) readSize() (epoch uint64, taken int64, err error) {
	text, err := c.root.ReadFile(sizeFile)
	if err != nil {
		return 0, 0, err
	}
	var end string // what a writer that was killed has not written
	if _, err := fmt.Sscanf(string(text), "%d %d %s\n", &epoch, &taken, &end); err != nil || end != "bytes" || taken < 0 {
		return 0, 0, errFormat
	}
	return epoch, taken, nil
}

func (c *Cache) writeSize(epoch uint64, taken int64) error {
	return c.root.WriteFile(sizeFile, fmt.Appendf(nil, "%d %d bytes\n", epoch, taken), fileMode)
}
