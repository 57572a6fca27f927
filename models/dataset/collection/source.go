// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/internal/filekind"
)

const (
	// maxDepth is how many folders below the given one are looked into: the
	// deepest layout has six.
	maxDepth = 8
	// maxFiles is some ten times the largest collection.
	maxFiles = 500_000
	// maxText is the size of the largest index, maxNested that of all archives in an
	// archive, which are read into memory.
	maxText   = 64 << 20
	maxNested = 64 << 20
	// maxArchives is how many archives are opened in a collection: VGMIDI has one.
	maxArchives = 16
	// maxRatio bounds what is unpacked of an archive by its size, with maxSmall for
	// small ones. No music is packed so well: MIDI files shrink to a fifth.
	maxRatio = 50
	maxSmall = 64 << 20
)

// source is the files of a collection, in a folder or an archive.
type source struct {
	names    []string // paths from the folder on, with slashes, sorted
	unusable []string // files whose names cannot be written down
	root     string   // empty: an archive
	entries  map[string]*zip.File
	size     int64 // of the archive, in bytes
	closer   io.Closer
	inner    []*source // archives among the files, opened
}

// openSource lists a folder or a zip archive. It skips hidden files, and what an
// earlier import into the folder to has made.
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
		if info, err := os.Stat(s.path(name)); err == nil && info.Size() > most {
			return nil, tooLarge(most)
		}
		f, err = os.Open(s.path(name))
	} else {
		entry := s.entries[name]
		if entry.Flags&1 != 0 {
			return nil, errors.New("encrypted: unpack the archive and import the folder")
		}
		if f, err = entry.Open(); errors.Is(err, zip.ErrAlgorithm) {
			method, ok := methods[entry.Method]
			if !ok {
				method = fmt.Sprintf("method %d", entry.Method)
			}
			err = fmt.Errorf("packed with %s, which is not read here: unpack the archive and import the folder", method)
		}
	}
	if err != nil {
		return nil, err
	}
	return &bounded{f, most, most}, nil
}

// methods names the ways of packing that APPNOTE.TXT, the description of zip files,
// numbers so and that archive/zip does not read. Windows takes the first for files
// of 2 GB and more.
var methods = map[uint16]string{9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}

// unpacked returns the size that a file will have; 0 where nothing is to be unpacked.
func (s *source) unpacked(name string) int64 {
	if s.root != "" {
		return 0
	}
	return int64(min(s.entries[name].UncompressedSize64, math.MaxInt64))
}

// path returns where a file of a folder lies.
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
	if len(s.inner) == maxArchives {
		return nil, fmt.Errorf("%s: more than %d archives in the collection: unpack those that belong to it, and name the folder", name, maxArchives)
	}
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
	left := int64(maxNested)
	for _, inner := range s.inner {
		left -= inner.size
	}
	if s.unpacked(name) > left {
		return nil, fmt.Errorf("%s: the archives in the archive are larger than %d MB together: unpack the outer one, and name the folder", name, maxNested>>20)
	}
	b, err := s.read(name, left)
	if err != nil {
		return nil, err
	}
	return readArchive(name, bytes.NewReader(b), int64(len(b)))
}

// notZip returns an error that names the kind of a file that is not a zip archive.
func notZip(file string, head []byte, err error) error {
	if !errors.Is(err, zip.ErrFormat) {
		return fmt.Errorf("%s: %w", file, err)
	}
	kind, remedy := filekind.Of(head)
	switch {
	case len(head) == 0:
		return fmt.Errorf("%s is empty: download it again", file)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return fmt.Errorf("%s is a zip archive without its end, as after a download that broke off: download it again", file)
	case kind != "":
		return fmt.Errorf("%s is %s and no zip archive: %s", file, kind, remedy)
	}
	return fmt.Errorf("%s: %w: unpack other archives first, and name the folder", file, err)
}

// bounded is a file that may be too large.
type bounded struct {
	io.ReadCloser
	left, most int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(b.most)
	}
	return n, err
}

func tooLarge(most int64) error {
	return fmt.Errorf("larger than %d MB, too much for a file of its kind", most>>20)
}

func openFolder(ctx context.Context, from, to string) (*source, error) {
	s := &source{root: from}
	var made []fs.FileInfo
	for _, dir := range []string{to, filepath.Join(to, "training")} {
		if info, err := os.Stat(dir); err == nil {
			made = append(made, info)
		}
	}
	resolved, err := filepath.EvalSymlinks(from)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(resolved, func(full string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(resolved, full) // one is in the other
		name = filepath.ToSlash(name)
		if err = cmp.Or(ctx.Err(), err); err != nil || name == "." {
			return err
		}
		if d.IsDir() {
			info, err := d.Info()
			if err == nil && (hidden(d.Name()) || strings.Count(name, "/") >= maxDepth ||
				slices.ContainsFunc(made, func(m fs.FileInfo) bool { return os.SameFile(m, info) })) {
				return fs.SkipDir
			}
			return err
		}
		// Links to files are followed, links to folders are not, as by the readers.
		if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() && !hidden(d.Name()) {
			return s.list(name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(s.names)
	return s, nil
}

func openArchive(file string) (*source, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		var s *source
		if s, err = readArchive(file, f, info.Size()); err == nil {
			s.closer = f
			return s, nil
		}
	}
	f.Close()
	return nil, err
}

// readArchive refuses what no archive of a publisher holds: names that lead out
// of it, links, names that come twice. Backslashes, which some programs write on
// Windows, are slashes.
func readArchive(file string, r io.ReaderAt, size int64) (*source, error) {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // the error below names the path and the reason
		head := make([]byte, filekind.HeadSize)
		n, _ := r.ReadAt(head, 0)
		return nil, notZip(file, head[:n], err)
	}
	s := &source{entries: map[string]*zip.File{}, size: size}
	for _, entry := range z.File {
		name := strings.ReplaceAll(entry.Name, `\`, "/")
		folder := strings.HasSuffix(name, "/")
		drive := len(name) > 1 && name[1] == ':'
		absolute := path.IsAbs(name) || drive
		switch name = path.Clean(name); {
		case strings.Contains(name, "\x00"):
			return nil, fmt.Errorf("%s: the name of the entry %q holds a zero byte: unpack the archive and name the folder", file, entry.Name)
		case absolute, name == "..", strings.HasPrefix(name, "../"):
			return nil, fmt.Errorf("%s: the entry %q leads out of the archive: get it from its publisher, or unpack it and name the folder", file, entry.Name)
		case name == ".":
			continue
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
