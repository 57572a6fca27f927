// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// fresh is how long after a change a file may change again without a trace in
// its times: they are as coarse as 2 s on some file systems. Git's index calls
// such files racily clean.
const fresh = 2 * time.Second

// identity holds what the system knows about a file: device, inode, size, then mtime and
// ctime in nanoseconds since 1970. Whoever writes to a file changes its ctime, which
// no program can set back; only writing through a mapping that was written to before
// may go unseen until the system writes the page out.
type identity [5]uint64

// identityName is how many of the fields make the name of a hash's file. The
// others are compared, so that a file that changed takes the place of its past.
const identityName = 2

// MaxHash is the size in bytes of the largest file that is hashed. Decoding a file
// may take a small part of it, hashing always takes all.
const MaxHash = 1 << 28

// ErrTooLarge reports that a file is larger than [MaxHash].
var ErrTooLarge = fmt.Errorf("larger than %d MB: not hashed", MaxHash>>20)

// Hash returns the SHA-256 of a file's content, and its size in bytes. A file that
// was hashed before is not read again unless device, inode, size or a time of
// its inode differ. It is an error if the file changes while it is read, is larger
// than [MaxHash] ([ErrTooLarge]), or ctx ends.
func (c *Cache) Hash(ctx context.Context, path string) (sum [32]byte, size int64, err error) {
	// Opening comes first, as a network file system gives old news to those who
	// only ask. It must not wait for the other end of a pipe.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return sum, 0, fmt.Errorf("cache: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return sum, 0, fmt.Errorf("cache: %w", err)
	}
	if !info.Mode().IsRegular() {
		return sum, 0, fmt.Errorf("cache: %s: not a regular file", path)
	}
	if info.Size() > MaxHash {
		return sum, 0, fmt.Errorf("cache: %s: %w", path, ErrTooLarge)
	}
	id, identified := identify(info)
	if identified && c != nil {
		if sum, ok := c.lookUp(id); ok {
			c.count(&c.stats.Known)
			return sum, info.Size(), nil
		}
	}
	start := time.Now()
	if c != nil {
		start = c.now()
	}
	sum, size, err = readHash(ctx, f, info.Size())
	if err != nil {
		return sum, 0, fmt.Errorf("cache: %w", err)
	}
	after, err := f.Stat()
	if err != nil {
		return sum, 0, fmt.Errorf("cache: %w", err)
	}
	if size != info.Size() || size != after.Size() || !after.ModTime().Equal(info.ModTime()) {
		return [32]byte{}, 0, fmt.Errorf("cache: %s: it changes while it is read: wait until it is written", path)
	}
	if c == nil {
		return sum, size, nil
	}
	c.count(&c.stats.Hashed)
	last, _ := identify(after)
	if identified && last == id && start.Sub(time.Unix(0, int64(id[4]))) > fresh {
		_, _ = c.store(id.file(), encodeHash(id, sum)) // in Stats
	}
	return sum, size, nil
}

// readHash reads one byte more than expected: the file may be growing for ever.
func readHash(ctx context.Context, f *os.File, expected int64) (sum [32]byte, size int64, err error) {
	h, r, buf := sha256.New(), io.LimitReader(f, expected+1), make([]byte, 128<<10)
	for err == nil {
		if err := ctx.Err(); err != nil {
			return sum, size, err
		}
		var n int
		n, err = r.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	h.Sum(sum[:0])
	return sum, size, err
}

// lookUp returns the hash that is stored for just this state of a file.
func (c *Cache) lookUp(id identity) (sum [32]byte, ok bool) {
	same := false
	found, sound := c.load(id.file(), func(b []byte) (err error) {
		sum, same, err = decodeHash(b, id)
		return err
	})
	return sum, found && sound && same
}
