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
	"slices"
	"syscall"

	"github.com/etude-ml/etude/torch/wholefile"
)

// plan is an import about to be carried out.
type plan struct {
	*reader
	Options
	done   int // files
	counts map[*kind]*Count
}

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
		if errors.Is(err, fs.ErrNotExist) || isAny(err, syscall.ENOTDIR) {
			continue
		}
		same := false
		if !isAny(err, unplaceable...) {
			same, err = sameContent(ctx, i, dst)
		}
		switch {
		case err != nil && p.fail(i, err):
		case err != nil:
			return err
		case same:
			p.placed(i, &p.counts[i.kind].Unchanged)
		case !p.Replace:
			return fmt.Errorf("%s is there with another content than %s in the collection: remove it, or give --replace to take the collection's", dst, i.from)
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
			if err := wholefile.Sweep(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !isAny(err, unplaceable...) {
				return err
			}
		}
		if i.placed || i.failed {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := os.MkdirAll(dir, 0o777)
		linked := false
		if err == nil {
			linked, err = put(ctx, i, dst)
		}
		switch {
		case err != nil && p.fail(i, err):
		case err != nil:
			return err
		case linked:
			p.placed(i, &p.counts[i.kind].Linked)
		default:
			p.placed(i, &p.counts[i.kind].Copied)
		}
	}
	return nil
}

var (
	// momentary are failures of the system to read a file, for which it is not left
	// out: a further import may complete this one.
	momentary = []syscall.Errno{syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ESTALE}
	// unplaceable are the errors of a file system that cannot have a file of that name:
	// it is too long, or a part of it is a file there.
	unplaceable = []syscall.Errno{syscall.ENAMETOOLONG, syscall.ENOTDIR, syscall.EISDIR, syscall.EILSEQ, syscall.EINVAL}
)

func isAny(err error, list ...syscall.Errno) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(list, errno)
}

func (p *plan) target(i *item) string {
	return filepath.Join(i.kind.dir(p.To), filepath.FromSlash(i.name))
}

// fail leaves an item out, if the error is about it alone.
func (p *plan) fail(i *item, err error) bool {
	_, source := errors.AsType[sourceError](err)
	verb := "read"
	switch {
	case source && isAny(err, momentary...):
		return false
	case source:
	case isAny(err, unplaceable...):
		verb = "placed in DATA"
	default:
		return false
	}
	i.failed = true
	p.leave(i.from, "cannot be %s: %v", verb, err)
	p.progress(i)
	return true
}

func (p *plan) placed(i *item, count *int) {
	i.placed = true
	*count++
	p.progress(i)
}

func (p *plan) progress(i *item) {
	p.done++
	if p.Progress != nil {
		p.Progress(p.done, len(p.items), i.name)
	}
}

// put links a file, or copies it where that cannot be done. A file of another user
// is copied, as root may be importing: DATA would share its owner and its rights.
func put(ctx context.Context, i *item, dst string) (linked bool, err error) {
	if i.files.root != "" {
		src, err := filepath.EvalSymlinks(i.files.path(i.from))
		if err != nil {
			return false, sourceError{err}
		}
		if info, err := os.Stat(src); err == nil && wholefile.Mine(info) && wholefile.Link(src, dst) == nil {
			return true, nil
		}
	}
	src, err := i.files.open(i.from, i.kind.most)
	if err != nil {
		return false, sourceError{err}
	}
	defer src.Close()
	if info, err := os.Lstat(dst); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		// What the link leads to is not DATA's: it keeps its content.
		if err := os.Remove(dst); err != nil {
			return false, err
		}
	}
	return false, wholefile.Replace(dst, func(w io.Writer) error {
		_, err := io.Copy(w, reading{ctx, src})
		return err
	})
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
	a, b := make([]byte, 128<<10), make([]byte, 128<<10)
	for {
		n, err := io.ReadFull(reading{ctx, src}, a)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return false, err
		}
		m, _ := io.ReadFull(dst, b)
		if !bytes.Equal(a[:n], b[:m]) || end {
			return bytes.Equal(a[:n], b[:m]), nil
		}
	}
}

// reading reads a file of the collection until ctx ends.
type reading struct {
	ctx context.Context
	io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = sourceError{err}
	}
	return n, err
}
