// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/etude-ml/etude/models/dataset"
)

const (
	// maxDepth is how many folders below the given one are looked into: the
	// deepest layout has six.
	maxDepth = 8
	// maxFiles is some ten times the largest collection.
	maxFiles = 500_000
	// maxText is the size of the largest index, maxNested of an archive in an
	// archive, which is read into memory.
	maxText   = 64 << 20
	maxNested = 256 << 20
)

// source is the files of a collection, in a folder or an archive.
type source struct {
	names    []string // paths from the folder on, with slashes, sorted
	unusable []string // files whose names cannot be written down
	root     string   // empty: an archive
	entries  map[string]*zip.File
	closer   io.Closer
	inner    []*source // archives among the files, opened
}

// openSource lists a folder or a zip archive. Hidden files are no part of a
// collection, nor is what an earlier import into the folder to has made.
func openSource(ctx context.Context, from, to string) (*source, error) {
	info, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openFolder(ctx, from, to)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is neither a folder nor a file", from)
	}
	return openArchive(from)
}

func (s *source) close() {
	for _, inner := range s.inner {
		inner.close()
	}
	if s.closer != nil {
		s.closer.Close()
	}
}

// find lists the files whose base names are wanted, the shallowest first.
func (s *source) find(wanted func(base string) bool) []string {
	var found []string
	for _, name := range s.names {
		if wanted(path.Base(name)) {
			found = append(found, name)
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	return found
}

func (s *source) has(name string) bool {
	_, ok := slices.BinarySearch(s.names, name)
	return ok
}

// open opens a file. The reader fails once more than most bytes were read,
// whatever size an archive claims.
func (s *source) open(name string, most int64) (io.ReadCloser, error) {
	var f io.ReadCloser
	var err error
	if s.root != "" {
		f, err = os.Open(s.path(name))
	} else {
		entry := s.entries[name]
		if entry.Flags&1 != 0 {
			return nil, errors.New("encrypted: unpack the archive and import the folder")
		}
		f, err = entry.Open()
	}
	if err != nil {
		return nil, err
	}
	return &bounded{f, most, most}, nil
}

// path is where a file of a folder lies.
func (s *source) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

// text reads an index whole.
func (s *source) text(name string) ([]byte, error) {
	raw, err := s.read(name, maxText)
	if err != nil {
		return nil, err
	}
	text, err := dataset.DecodeText(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

func (s *source) read(name string, most int64) ([]byte, error) {
	f, err := s.open(name, most)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// nested opens an archive among the files, until the source is closed.
func (s *source) nested(name string) (*source, error) {
	inner, err := s.openNested(name)
	if err == nil {
		s.inner = append(s.inner, inner)
	}
	return inner, err
}

func (s *source) openNested(name string) (*source, error) {
	if s.root != "" {
		return openArchive(s.path(name))
	}
	b, err := s.read(name, maxNested)
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return listArchive(name, z)
}

// bounded is a file that may be too large.
type bounded struct {
	io.ReadCloser
	left, most int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("larger than %d MB, too much for a file of its kind", b.most>>20)
	}
	return n, err
}

func openFolder(ctx context.Context, from, to string) (*source, error) {
	s := &source{root: from}
	var made []fs.FileInfo
	for _, dir := range []string{to, filepath.Join(to, "training")} {
		if info, err := os.Stat(dir); err == nil {
			made = append(made, info)
		}
	}
	var walk func(dir string, depth int) error
	walk = func(dir string, depth int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		list, err := os.ReadDir(s.path(dir))
		if err != nil {
			return err
		}
		for _, d := range list {
			name := path.Join(dir, d.Name())
			if hidden(d.Name()) {
				continue
			}
			if d.IsDir() {
				info, err := d.Info()
				if err != nil {
					return err
				}
				if depth < maxDepth && !slices.ContainsFunc(made, func(m fs.FileInfo) bool { return os.SameFile(m, info) }) {
					if err := walk(name, depth+1); err != nil {
						return err
					}
				}
				continue
			}
			// Links to files are followed, links to folders are not, as by the readers.
			if info, err := os.Stat(s.path(name)); err == nil && info.Mode().IsRegular() {
				if err := s.list(name); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := walk("", 0); err != nil {
		return nil, err
	}
	slices.Sort(s.names)
	return s, nil
}

func openArchive(file string) (*source, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		if errors.Is(err, zip.ErrFormat) {
			err = fmt.Errorf("%w: unpack other archives first, and name the folder", err)
		}
		if z != nil { // an insecure path is reported with a reader
			z.Close()
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s, err := listArchive(file, &z.Reader)
	if err != nil {
		z.Close()
		return nil, err
	}
	s.closer = z
	return s, nil
}

// listArchive refuses what no archive of a publisher holds: names that lead out
// of it, links, names that come twice.
func listArchive(file string, z *zip.Reader) (*source, error) {
	s := &source{entries: map[string]*zip.File{}}
	for _, entry := range z.File {
		name := strings.TrimPrefix(entry.Name, "./")
		folder := strings.HasSuffix(name, "/")
		name = strings.TrimSuffix(name, "/")
		if name == "" {
			continue
		}
		if strings.ContainsAny(name, "\\\x00") || !fs.ValidPath(strings.ToValidUTF8(name, "_")) {
			return nil, fmt.Errorf("%s: the entry %q leads out of the archive: get it from its publisher, or unpack it and name the folder", file, entry.Name)
		}
		mode := entry.Mode()
		if !folder && !mode.IsRegular() {
			return nil, fmt.Errorf("%s: the entry %q is a link or a device: get the archive from its publisher, or unpack it and name the folder", file, entry.Name)
		}
		if folder || slices.ContainsFunc(strings.Split(name, "/"), hidden) || strings.Count(name, "/") > maxDepth {
			continue
		}
		if s.entries[name] != nil {
			return nil, fmt.Errorf("%s: two entries are called %q: unpack the archive and name the folder", file, name)
		}
		s.entries[name] = entry
		if err := s.list(name); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	slices.Sort(s.names)
	return s, nil
}

// list takes a file in.
func (s *source) list(name string) error {
	if !utf8.ValidString(name) {
		s.unusable = append(s.unusable, fmt.Sprintf("%q", name))
		return nil
	}
	if s.names = append(s.names, name); len(s.names) > maxFiles {
		return fmt.Errorf("more than %d files: name the folder of the collection alone", maxFiles)
	}
	return nil
}

// hidden names are litter of some program.
func hidden(name string) bool { return strings.HasPrefix(name, ".") || name == "__MACOSX" }
