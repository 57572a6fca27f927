// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/etude-ml/etude/torch/wholefile"
)

// state tells what became of a file.
type state int

const (
	waiting state = iota
	linked
	copied
	unchanged
	failed // it could not be read, and was left out
)

// sourceError is a file that cannot be read, as against a folder that cannot be
// written: it costs that file alone.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// unpackable refuses archives that grow beyond what music can: they would fill the
// disk.
func (p *plan) unpackable() error {
	packed := p.files.size
	if p.files.root != "" {
		for _, inner := range p.files.inner {
			packed += inner.size
		}
	}
	most := maxSmall + maxRatio*packed
	var sum int64
	for _, i := range p.items {
		if sum += min(i.files.unpacked(i.from), i.kind.most); sum > most {
			return fmt.Errorf("%s: its files would take more than %d MB, %d times its own size: no music is packed so well; get the archive from its publisher, or unpack it and name the folder",
				p.From, most>>20, maxRatio)
		}
	}
	return nil
}

// compare finds the files that DATA has already. One with another content is an
// error, unless it is to be replaced.
func (p *plan) compare(ctx context.Context) error {
	for _, i := range p.items {
		dst := p.target(i)
		_, err := os.Lstat(dst)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if unplaceable(err) {
			p.fail(i, err)
			continue
		}
		same, err := sameContent(ctx, i, dst)
		if bad, ok := errors.AsType[sourceError](err); ok && !momentary(err) {
			p.fail(i, bad)
			continue
		}
		if err != nil {
			return err
		}
		if !same && !p.Replace {
			return fmt.Errorf("%s is there with another content than %s in the collection: remove it, or give --replace to take the collection's", dst, i.from)
		}
		if same {
			i.state = unchanged
			p.placed(i)
		}
	}
	return nil
}

// place links or copies the others.
func (p *plan) place(ctx context.Context) error {
	swept := map[string]bool{}
	for _, i := range p.items {
		dst := p.target(i)
		dir := filepath.Dir(dst)
		if !swept[dir] {
			swept[dir] = true
			if err := wholefile.Sweep(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !unplaceable(err) {
				return err
			}
		}
		if i.state != waiting {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := os.MkdirAll(dir, 0o777)
		if err == nil {
			err = put(ctx, i, dst)
		}
		if _, bad := errors.AsType[sourceError](err); bad && !momentary(err) || unplaceable(err) {
			p.fail(i, err)
			continue
		}
		if err != nil {
			return err
		}
		p.placed(i)
	}
	return nil
}

// momentary reports whether the system failed to read a file, for which it is not
// left out: a further import may complete this one.
func momentary(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ESTALE)
}

// unplaceable reports whether DATA's file system cannot have a file of that name:
// it is too long, or a part of it is a file there.
func unplaceable(err error) bool {
	return errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) ||
		errors.Is(err, syscall.EILSEQ) || errors.Is(err, syscall.EINVAL)
}

func (p *plan) target(i *item) string {
	return filepath.Join(i.kind.dir(p.To), filepath.FromSlash(i.name))
}

func (p *plan) fail(i *item, err error) {
	i.state = failed
	verb := "placed in DATA"
	if _, ok := errors.AsType[sourceError](err); ok {
		verb = "read"
	}
	p.leave(i.from, "cannot be %s: %v", verb, err)
	p.placed(i)
}

func (p *plan) placed(i *item) {
	p.done++
	if p.Progress != nil {
		p.Progress(p.done, len(p.items), i.name)
	}
}

// put links a file, or copies it where that cannot be done. A file of another user
// is copied, as root may be importing: DATA would share its owner and its rights.
func put(ctx context.Context, i *item, dst string) error {
	if i.files.root != "" {
		src, err := filepath.EvalSymlinks(i.files.path(i.from))
		if err != nil {
			return sourceError{err}
		}
		if info, err := os.Stat(src); err == nil && wholefile.Mine(info) && wholefile.Link(src, dst) == nil {
			i.state = linked
			return nil
		}
	}
	src, err := i.files.open(i.from, i.kind.most)
	if err != nil {
		return sourceError{err}
	}
	defer src.Close()
	if info, err := os.Lstat(dst); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		// What the link leads to is not DATA's: it keeps its content.
		if err := os.Remove(dst); err != nil {
			return err
		}
	}
	err = wholefile.Replace(dst, func(w io.Writer) error { return transfer(ctx, w, src) })
	if err == nil {
		i.state = copied
	}
	return err
}

// transfer copies until ctx ends.
func transfer(ctx context.Context, w io.Writer, r io.Reader) error {
	buf := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return sourceError{err}
		}
	}
}

// sameContent compares an item with a file.
func sameContent(ctx context.Context, i *item, path string) (bool, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false, nil // a dangling link, a folder: something else
	}
	if i.files.root != "" {
		if from, err := os.Stat(i.files.path(i.from)); err == nil && os.SameFile(from, info) {
			return true, nil
		}
	}
	src, err := i.files.open(i.from, i.kind.most)
	if err != nil {
		return false, sourceError{err}
	}
	defer src.Close()
	dst, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer dst.Close()
	c := &comparer{with: dst}
	err = transfer(ctx, c, src)
	if errors.Is(err, errDiffers) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return c.total == info.Size(), nil
}

var errDiffers = errors.New("the contents differ")

// comparer compares what is written to it with what it reads.
type comparer struct {
	with  io.Reader
	total int64
	buf   []byte
}

func (c *comparer) Write(p []byte) (int, error) {
	c.buf = append(c.buf[:0], p...)
	if _, err := io.ReadFull(c.with, c.buf); err != nil || !bytes.Equal(c.buf, p) {
		return 0, errDiffers
	}
	c.total += int64(len(p))
	return len(p), nil
}
