// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// unpack writes those files of a wheel into a folder that keep chooses, under the
// names that it returns. progress gets the bytes written and their total.
func unpack(ctx context.Context, wheelPath, folder string, keep func(string) (string, bool), progress func(done, total int64)) error {
	z, err := zip.OpenReader(wheelPath)
	if err != nil {
		return fmt.Errorf("libtorch: %s: %w", filepath.Base(wheelPath), err)
	}
	defer z.Close()
	var total, done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), maxJobs))
	var files []func() error
	for _, f := range z.File {
		name, ok := keep(f.Name)
		if !ok || f.FileInfo().IsDir() {
			continue
		}
		if !filepath.IsLocal(name) || !f.Mode().IsRegular() {
			return fmt.Errorf("libtorch: %s: refused: %q is not a plain file inside the folder", filepath.Base(wheelPath), f.Name)
		}
		total.Add(int64(f.UncompressedSize64))
		path := filepath.Join(folder, filepath.FromSlash(name))
		files = append(files, func() error {
			count := func(n int) error {
				progress(done.Add(int64(n)), total.Load())
				return ctx.Err()
			}
			if err := unpackFile(f, path, count); err != nil {
				return fmt.Errorf("libtorch: %s: %w", filepath.Base(wheelPath), err)
			}
			return nil
		})
	}
	for _, f := range files {
		group.Go(f)
	}
	return group.Wait()
}

// unpackFile writes one file; count gets the size of each piece and may stop it.
func unpackFile(f *zip.File, path string, count func(n int) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	_, err = io.CopyBuffer(counter{out, count}, in, make([]byte, 1<<20))
	return err
}

// counter reports every piece that is written. It hides the file's ReadFrom, which
// would write all of it at once.
type counter struct {
	w     io.Writer
	count func(n int) error
}

func (c counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err == nil {
		err = c.count(n)
	}
	return n, err
}
