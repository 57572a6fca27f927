// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// folder holds a run's checkpoints. One run at a time has it.
type folder struct {
	path    string
	lock    *os.File
	index   index
	written map[string]fs.FileInfo // the files as this run wrote them
	from    string                 // the file that the run was told to continue from, never removed; "" for last.pt
	notices []string               // not told yet
}

// litter is what a run that was killed may leave: its unfinished files, by names
// that nobody else chooses.
var litter = regexp.MustCompile(`^\.((last|best|best-\d+(-\d+)?|model)\.pt|checkpoints\.json|history\.(json|png))\.tmp(-[A-Z2-7]{10})?$`)

// openFolder makes the folder if need be, takes it, and clears unfinished files
// away. It fails where nothing could be saved later.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	lock, err := lockFolder(path)
	if err != nil {
		return nil, err
	}
	f := &folder{path: path, lock: lock, written: map[string]fs.FileInfo{}}
	if err := f.begin(); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *folder) begin() error {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && litter.MatchString(e.Name()) {
			if err := os.Remove(f.in(e.Name())); err != nil {
				return fmt.Errorf("trainer: the folder cannot be written to: %w", err)
			}
		}
	}
	for _, name := range []string{"last.pt", "best.pt"} {
		if info, err := os.Stat(f.in(name)); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("trainer: %s exists and is not a regular file; move it away", f.in(name))
		}
	}
	// Better to learn now than after an epoch that this cannot be written to.
	probe, err := os.CreateTemp(f.path, ".probe.*.tmp")
	if err != nil {
		return fmt.Errorf("trainer: the folder cannot be written to: %w", err)
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return fmt.Errorf("trainer: the folder cannot be written to: %w", err)
	}
	f.index, err = readIndex(f.path)
	if err != nil {
		f.notice("%v; the checkpoints in the folder are no longer checked nor ranked", err)
	}
	for name := range f.index.Files {
		if _, err := os.Lstat(f.in(name)); errors.Is(err, fs.ErrNotExist) {
			delete(f.index.Files, name)
		}
	}
	return nil
}

// forget leaves the checkpoints of an earlier run out of the ranking. They stay;
// of last.pt and best.pt it is still known whose they are.
func (f *folder) forget() {
	var names []string
	for name, e := range f.index.Files {
		if e.Rank != nil {
			names = append(names, name)
			delete(f.index.Files, name)
		}
	}
	if names != nil {
		slices.Sort(names)
		f.notice("%s: %s: of an earlier run; left as they are, and not ranked with this run's", f.path, strings.Join(names, ", "))
	}
}

func (f *folder) notice(format string, args ...any) {
	f.notices = append(f.notices, fmt.Sprintf(format, args...))
}

func (f *folder) in(name string) string { return filepath.Join(f.path, name) }

func (f *folder) close() {
	if f.lock != nil {
		f.lock.Close()
	}
}

// draft is a checkpoint that is on the disk whole, but has not got its name yet.
type draft struct {
	name string
	entry
}

func (d draft) temp() string { return "." + d.name + ".tmp" }

// draft writes a file under a temporary name, and returns when it has reached the
// disk. e tells what it holds.
func (f *folder) draft(name string, e entry, write func(io.Writer) error) (d draft, err error) {
	d = draft{name, e}
	path := f.in(d.temp())
	out, err := os.Create(path)
	if err != nil {
		return d, err
	}
	h := sha256.New()
	counted := &counter{w: io.MultiWriter(out, h)}
	err = write(counted)
	if err == nil {
		if info, e := os.Stat(f.in(name)); e == nil {
			err = out.Chmod(info.Mode().Perm()) // whoever could read it still can
		}
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		os.Remove(path)
		return d, fmt.Errorf("%s: %w", f.in(name), err)
	}
	d.SHA256, d.Bytes = hex.EncodeToString(h.Sum(nil)), counted.n
	return d, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// publish gives drafts their names. Before it returns they have them for good; if
// it fails, each file is what it was or its draft.
func (f *folder) publish(drafts []draft) (err error) {
	defer func() {
		if err != nil {
			for _, d := range drafts {
				os.Remove(f.in(d.temp()))
			}
		}
	}()
	next := index{f.index.Version, map[string]entry{}}
	for name, e := range f.index.Files {
		next.Files[name] = e
	}
	for _, d := range drafts {
		if e, ok := f.index.Files[d.name]; ok {
			if before := f.present(d.name, e); before != nil {
				before.Previous = nil
				d.Previous = before
			}
		}
		next.Files[d.name] = d.entry
	}
	if err := next.write(f.path); err != nil {
		return err
	}
	for _, d := range drafts {
		if err := f.keepForeign(d.name); err != nil {
			return err
		}
		if err := os.Rename(f.in(d.temp()), f.in(d.name)); err != nil {
			return err
		}
		info, err := os.Lstat(f.in(d.name))
		if err != nil {
			return err
		}
		f.index.Files[d.name], f.written[d.name] = next.Files[d.name], info
	}
	return syncDir(f.path)
}

// present is what the index knows of a file that is there now: of two entries the
// one that is its; nil if neither is.
func (f *folder) present(name string, e entry) *entry {
	if info, err := os.Lstat(f.in(name)); err == nil && same(info, f.written[name]) {
		return &e
	}
	hash, err := hashFile(f.in(name))
	switch {
	case err != nil:
	case hash == e.SHA256:
		return &e
	case e.knows(hash):
		return e.Previous
	}
	return nil
}

// same reports whether a file has not been touched since it was written.
func same(now, then fs.FileInfo) bool {
	return then != nil && os.SameFile(now, then) && now.Size() == then.Size() && now.ModTime().Equal(then.ModTime())
}

// ours reports whether a file is one that a run wrote here, and nobody changed it.
func (f *folder) ours(name string) bool {
	info, err := os.Lstat(f.in(name))
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	if same(info, f.written[name]) {
		return true
	}
	e, ok := f.index.Files[name]
	if !ok {
		return false
	}
	hash, err := hashFile(f.in(name))
	return err == nil && e.knows(hash)
}

// keepForeign gives a second name to a file that is about to be replaced, and is
// not ours or is the one to go on from.
func (f *folder) keepForeign(name string) error {
	if _, err := os.Lstat(f.in(name)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if name != f.from && f.ours(name) {
		return nil
	}
	kept := f.free(strings.TrimSuffix(name, ".pt") + "-kept")
	if err := os.Link(f.in(name), f.in(kept)); err != nil {
		if err := os.Rename(f.in(name), f.in(kept)); err != nil { // no links here
			return err
		}
	}
	if name == f.from {
		f.from = ""
		f.notice("%s, which the run was continued from, is now %s", f.in(name), kept)
	} else {
		f.notice("%s was not written by this run, or changed since: it is now %s", f.in(name), kept)
	}
	return nil
}

// free returns the first of stem.pt, stem-2.pt, stem-3.pt … that is no file yet.
func (f *folder) free(stem string) string {
	for n := 1; ; n++ {
		name := stem + ".pt"
		if n > 1 {
			name = fmt.Sprintf("%s-%d.pt", stem, n)
		}
		if _, err := os.Lstat(f.in(name)); errors.Is(err, fs.ErrNotExist) {
			return name
		}
	}
}

// ranked names the best-*.pt files, the best first.
func (f *folder) ranked() []string {
	var names []string
	for name, e := range f.index.Files {
		if e.Rank != nil {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := f.index.Files[a], f.index.Files[b]
		return cmp.Or(cmp.Compare(*x.Rank, *y.Rank), cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(a, b))
	})
	return names
}

// place names the file for an epoch that is among the keep best; "" if it is not.
func (f *folder) place(keep, epoch int, rank float64) string {
	better := 0
	for _, name := range f.ranked() {
		e := f.index.Files[name]
		if e.Epoch == epoch && f.ours(name) {
			return name // the run came by here before
		}
		if *e.Rank <= rank {
			better++
		}
	}
	if better >= keep {
		return ""
	}
	return f.free(fmt.Sprintf("best-%04d", epoch))
}

// prune removes what is no longer among the keep best; only what is ours, and
// never what the run was continued from.
func (f *folder) prune(keep int) error {
	names := f.ranked()
	if len(names) <= keep {
		return nil
	}
	for _, name := range names[keep:] {
		switch {
		case name == f.from:
			continue // it stays in the ranking
		case !f.ours(name):
			f.notice("%s was changed since it was written: it stays", f.in(name))
		default:
			if err := os.Remove(f.in(name)); err != nil {
				return err
			}
		}
		delete(f.index.Files, name)
		delete(f.written, name)
	}
	return f.index.write(f.path)
}
