// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/etude-ml/etude/torch/wholefile"
)

// fresh is how long after a change a file may change again without a trace in
// its times: they are as coarse as 2 s on some file systems. Git's index calls
// such files racily clean.
const fresh = 2 * time.Second

// MaxHash is the size in bytes of the largest file that is hashed. Decoding a file
// may take a small part of it, hashing always takes all.
const MaxHash = 1 << 28

// ErrTooLarge reports that a file is larger than [MaxHash].
var ErrTooLarge = fmt.Errorf("larger than %d MB: not hashed", MaxHash>>20)

// Hash returns the SHA-256 of a file's content. A file that was hashed before is not
// read again unless device, inode, size or a time of its inode differ; a nil Cache
// reads every file. It is an error if the file changes while it is read, is larger
// than [MaxHash] ([ErrTooLarge]), or ctx ends.
func (c *Cache) Hash(ctx context.Context, path string) ([32]byte, error) {
	sum, err := c.hash(ctx, path)
	if err != nil {
		return sum, fmt.Errorf("cache: %s: %w", path, err)
	}
	return sum, nil
}

func (c *Cache) hash(ctx context.Context, path string) (sum [32]byte, err error) {
	// Opening comes first, as a network file system gives old news to those who
	// only ask.
	f, size, err := wholefile.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	if size > MaxHash {
		return sum, ErrTooLarge
	}
	before, err := f.Stat()
	if err != nil {
		return sum, err
	}
	id, identified := identify(before)
	if c == nil {
		identified = false
	}
	var start time.Time
	if identified {
		if sum, ok := c.known(id); ok {
			return sum, nil
		}
		start = c.now()
	}
	h := sha256.New()
	// One byte more than expected: the file may be growing for ever.
	read, err := io.Copy(h, io.LimitReader(until{ctx, f}, size+1))
	if err != nil {
		return sum, err
	}
	after, err := f.Stat()
	if err != nil {
		return sum, err
	}
	if read != before.Size() || read != after.Size() || !after.ModTime().Equal(before.ModTime()) {
		return sum, errors.New("it changes while it is read: wait until it is written")
	}
	h.Sum(sum[:0])
	if last, _ := identify(after); identified && last == id && start.Sub(time.Unix(0, int64(id[4]))) > fresh {
		_ = c.Put(id.key(), &Entry{Notes: []string{string(sum[:])}}) // in Stats
	}
	return sum, nil
}

// known returns the hash that is stored for just this state of a file.
func (c *Cache) known(id identity) (sum [32]byte, ok bool) {
	e, found := c.load(id.key())
	return sum, found && len(e.Notes) == 1 && copy(sum[:], e.Notes[0]) == len(sum)
}

// until reads until ctx ends.
type until struct {
	ctx context.Context
	io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}
