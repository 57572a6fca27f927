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
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/wholefile"
)

// ErrMoved reports that the folder of a run was renamed, or removed, while the run
// went on. Everything that the run has saved is in the folder, where that is now.
var ErrMoved = errors.New("the run's folder was renamed or removed while the run went on")

// folder holds a run's checkpoints. One run at a time can lock it.
type folder struct {
	path    string // where it is now
	lock    *os.File
	moved   error // wraps ErrMoved once the folder is no longer at Run.Save
	cutOff  bool  // an earlier run was cut off before its first last.pt was there
	index   index
	stale   bool                   // checkpoints.json lists files that are gone
	written map[string]fs.FileInfo // the files as this run wrote them
	from    string                 // the file that ResumeFrom named, never removed; "" for last.pt
	waiting []*snapshot            // what is not written yet, the oldest first
	notices []string               // not reported yet
}

// snapshot is a copy of everything that a save writes, so that training can go on
// meanwhile. Parts that are written, or no longer needed, are cleared.
type snapshot struct {
	tree       *torch.Dict // tensors on the CPU, in no scope
	entry      entry
	last, best bool    // last.pt, best.pt
	rank       float64 // among the best-*.pt files; NaN for a snapshot that is none
	keep       int     // of them
	history    []byte
	asked      string // the notice when it is written; "" for none
}

// outcome is the result of writing snapshots.
type outcome struct {
	left    []*snapshot // those that could not be written
	err     error
	notices []string
}

// openFolder creates the folder if necessary, locks it, and removes unfinished files.
// It fails where nothing could be saved later.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	lock, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	f := &folder{path: path, lock: lock, written: map[string]fs.FileInfo{}}
	if !wholefile.Lock(lock) {
		err = fmt.Errorf("trainer: another run saves to %s; wait for its end, or choose another folder", path)
	} else {
		err = f.begin()
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *folder) begin() error {
	err := wholefile.Sweep(f.path)
	if err == nil {
		// Fail now, not after an epoch, if the folder is not writable.
		var probe *wholefile.Draft
		if probe, err = wholefile.NewDraft(f.in(indexName), func(io.Writer) error { return nil }); err == nil {
			probe.Discard()
		}
	}
	if err != nil {
		return fmt.Errorf("trainer: the folder %s cannot be written to: %w", f.path, err)
	}
	for _, name := range []string{LastFile, BestFile} {
		if info, err := os.Stat(f.in(name)); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("trainer: %s exists and is not a regular file; move it away", f.in(name))
		}
	}
	f.index, err = readIndex(f.path)
	if err != nil {
		f.notice("%v; the checkpoints in the folder are no longer checked nor ranked", err)
	}
	_, missing := os.Lstat(f.in(LastFile))
	f.cutOff = err == nil && errors.Is(missing, fs.ErrNotExist) && f.index.Files[LastFile].Previous == nil && !Finished(f.path)
	for name := range f.index.Files {
		if _, err := os.Lstat(f.in(name)); errors.Is(err, fs.ErrNotExist) {
			delete(f.index.Files, name)
			f.stale = true
		}
	}
	return nil
}

// follow makes sure that path is the folder that was locked. If the folder was renamed,
// path becomes its new name, so that nothing is written into another run's folder.
// follow fails if the folder cannot be found.
func (f *folder) follow() error {
	locked, err := f.lock.Stat()
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	is := func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && os.SameFile(info, locked)
	}
	if is(f.path) {
		return nil
	}
	now, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.lock.Fd()))
	if err != nil || !is(now) {
		f.moved = fmt.Errorf("trainer: %s: %w; nothing more can be saved", f.path, ErrMoved)
		return f.moved
	}
	f.moved = fmt.Errorf("trainer: %s: %w; this run ends here, and what it has saved is in %s, from where it can be resumed", f.path, ErrMoved, now)
	f.path = now
	return nil
}

// Finished reports whether a folder holds the results of a run that has ended.
func Finished(folder string) bool {
	if _, err := os.Lstat(filepath.Join(folder, ModelFile)); err == nil {
		return true
	}
	h, err := LoadHistory(filepath.Join(folder, HistoryFile))
	return err == nil && h.StopReason != "" && h.StopReason != StopInterrupted && h.StopReason != StopError
}

// clear removes the files of an earlier run, which would be taken for this one's.
// Checkpoints that no run wrote here, or that were changed since, stay.
func (f *folder) clear() error {
	names := []string{ModelFile, HistoryFile, PlotFile}
	var ranked []string
	for name, e := range f.index.Files {
		if f.ours(name) {
			names = append(names, name)
		}
		if e.Rank != nil {
			ranked = append(ranked, name)
			if !f.ours(name) {
				f.notice("%s was changed since it was written: it stays", f.in(name))
				delete(f.index.Files, name)
			}
		}
	}
	if ranked != nil {
		slices.Sort(ranked)
		f.notice("%s: %s of an earlier run: this run takes its place", f.path, strings.Join(ranked, ", "))
	}
	for _, name := range names {
		if err := os.Remove(f.at(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("trainer: %w", err)
		}
		delete(f.index.Files, name)
	}
	return nil
}

func (f *folder) notice(format string, args ...any) {
	f.notices = append(f.notices, fmt.Sprintf(format, args...))
}

// in returns the path of a file for messages.
func (f *folder) in(name string) string { return filepath.Join(f.path, name) }

// at returns the path of a file to work on it. On Linux it leads through the folder that
// was locked, so that it stays in it when the folder is renamed at any moment.
func (f *folder) at(name string) string {
	dir := fmt.Sprintf("/proc/self/fd/%d", f.lock.Fd())
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return f.in(name)
	}
	path := filepath.Join(dir, name)
	if info, err := os.Lstat(path); name != "" && err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return f.in(name) // a relative link starts at the folder's own path
	}
	return path
}

// tidy names the folder in an error by its path.
func (f *folder) tidy(err error) error {
	if err == nil {
		return nil
	}
	return tidied{err, fmt.Sprintf("/proc/self/fd/%d", f.lock.Fd()), f.path}
}

type tidied struct {
	error
	dir, path string
}

func (e tidied) Error() string { return strings.ReplaceAll(e.error.Error(), e.dir, e.path) }
func (e tidied) Unwrap() error { return e.error }

func (f *folder) close() {
	for _, snap := range f.waiting {
		closeTensors(snap.tree)
	}
	f.lock.Close()
}

// put writes a checkpoint, which e describes. It writes the index first. So if put fails,
// the file is the old one or the new one, and the index lists both.
func (f *folder) put(name string, e entry, write func(io.Writer) error) error {
	h := sha256.New()
	counted := &counter{}
	d, err := newDraft(f.at(name), func(w io.Writer) error {
		counted.w = io.MultiWriter(w, h)
		return write(counted)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", f.in(name), err)
	}
	defer d.Discard()
	e.SHA256, e.Bytes, e.Previous = hex.EncodeToString(h.Sum(nil)), counted.n, nil
	if was, ok := f.index.Files[name]; ok {
		if e.Previous = f.present(name, was); e.Previous != nil {
			e.Previous.Previous = nil
		}
	}
	next := index{f.index.Version, maps.Clone(f.index.Files)}
	next.Files[name] = e
	if err := next.write(f.at("")); err != nil {
		return err
	}
	ours := f.ours(name)
	f.index = next
	if err := f.keepForeign(name, ours); err != nil {
		return err
	}
	if err := d.Publish(); err != nil {
		return fmt.Errorf("%s: %w", f.in(name), err)
	}
	f.written[name], err = os.Stat(f.at(name))
	return err
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

// present returns the entry of the index that fits the file that is there now; nil if
// none does.
func (f *folder) present(name string, e entry) *entry {
	if info, err := os.Stat(f.at(name)); err == nil && same(info, f.written[name]) {
		return &e
	}
	hash, err := hashFile(f.at(name))
	if err != nil {
		return nil
	}
	return e.of(hash)
}

// same reports whether a file has not been touched since it was written.
func same(now, then fs.FileInfo) bool {
	return then != nil && os.SameFile(now, then) && now.Size() == then.Size() && now.ModTime().Equal(then.ModTime())
}

// ours reports whether a run wrote a file here and it was not changed since.
func (f *folder) ours(name string) bool {
	info, err := os.Stat(f.at(name))
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	e, ok := f.index.Files[name]
	return same(info, f.written[name]) || ok && f.present(name, e) != nil
}

// keepForeign gives a second name to a file that is about to be replaced, and is
// not ours or is the one to go on from. Behind a symbolic link that is the file
// that it leads to.
func (f *folder) keepForeign(name string, ours bool) error {
	path, err := wholefile.Follow(f.at(name))
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || ours && name != f.from {
		return nil
	}
	kept := free(filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".pt")+"-kept")
	if err := os.Link(path, filepath.Join(filepath.Dir(path), kept)); err != nil {
		if err := os.Rename(path, filepath.Join(filepath.Dir(path), kept)); err != nil { // no links here
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

// free returns the first of stem.pt, stem-2.pt, stem-3.pt … that is no file in dir
// yet.
func free(dir, stem string) string {
	for n := 1; ; n++ {
		name := stem + ".pt"
		if n > 1 {
			name = fmt.Sprintf("%s-%d.pt", stem, n)
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
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
	return free(f.at(""), fmt.Sprintf("best-%04d", epoch))
}

// prune removes checkpoints that are no longer among the keep best; only ones that this
// run wrote, and never the one that it was continued from.
func (f *folder) prune(keep int) error {
	names := f.ranked()
	for _, name := range names[min(keep, len(names)):] {
		f.stale = true
		switch {
		case name == f.from:
			continue // it stays in the ranking
		case !f.ours(name):
			f.notice("%s was changed since it was written: it stays", f.in(name))
		default:
			if err := os.Remove(f.at(name)); err != nil {
				return err
			}
		}
		delete(f.index.Files, name)
		delete(f.written, name)
	}
	if !f.stale {
		return nil
	}
	err := f.index.write(f.at(""))
	f.stale = err != nil
	return err
}
