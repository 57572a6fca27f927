// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package wholefile writes files as a whole: a reader, also one after a crash, sees the
// old content or the new one and never a part of either.
//
// It keeps one contract for every file: the content reaches the disk before it
// takes the name, and the name reaches the disk before the call returns. A new
// file has the mode that the umask allows; one that is replaced keeps its mode. A
// symbolic link is followed, so that the file behind it is replaced. On systems that
// allow it, a file has no name while it is written, so that a killed process leaves
// nothing behind. Elsewhere, and for the moment of the renaming, it is called
// .NAME.tmp-XXXXXXXXXX with ten random characters; a file that has such a name already
// is never opened. [Sweep] removes the files that killed processes have left. [Folder] keeps
// the same contract for a folder of such files.
package wholefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
)

// Write gives path a content as [Replace] does. Its errors name path.
func Write(path string, content []byte) error { return publish(path, false, content) }

// Scratch gives path a content that can be made again at any time. As with [Write],
// no reader sees a part of it, but nothing waits for the disk, so that a crash of the
// machine may lose or damage it, and only the user may read it. Its errors name path.
func Scratch(path string, content []byte) error { return publish(path, true, content) }

func publish(path string, scratch bool, content []byte) error {
	d, err := newDraft(path, scratch, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err == nil {
		err = d.Publish()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Replace gives path the content that write produces, or leaves it as it was: on
// any error, and when the process or the machine dies at any instant.
func Replace(path string, write func(io.Writer) error) error {
	d, err := NewDraft(path, write)
	if err != nil {
		return err
	}
	return d.Publish()
}

// Check does the same as [Replace], but calls try with the path of the complete file
// before the file takes its name. If try returns an error, path stays as it was.
func Check(path string, write func(io.Writer) error, try func(temp string) error) error {
	d, err := NewDraft(path, write)
	if err != nil {
		return err
	}
	defer d.Discard()
	_ = Sweep(filepath.Dir(d.target), filepath.Base(d.target)) // a kill during try leaves the whole file
	if err := d.nameIt(); err != nil {
		return err
	}
	if err := try(d.temp); err != nil {
		return err
	}
	return d.Publish()
}

// Draft is a complete file that has reached the disk and waits for its name.
type Draft struct {
	f            *os.File
	target, temp string
	named        bool        // the file is called temp
	scratch      bool        // see Scratch
	replaced     fs.FileInfo // the file that it replaces, which gives it its mode; nil for none
}

// NewDraft writes the content that path is to have, under no name yet. The caller calls
// [Draft.Publish] or [Draft.Discard].
func NewDraft(path string, write func(io.Writer) error) (*Draft, error) {
	return newDraft(path, false, write)
}

func newDraft(path string, scratch bool, write func(io.Writer) error) (*Draft, error) {
	target, err := Follow(path)
	if err != nil {
		return nil, err
	}
	dir, base := filepath.Split(target)
	if dir == "" {
		dir = "."
	}
	d := &Draft{target: target, temp: filepath.Join(dir, tempName(base)), scratch: scratch}
	switch info, err := os.Stat(target); {
	case err == nil && !info.Mode().IsRegular():
		return nil, errors.New("it exists and is not a regular file")
	case err == nil:
		d.replaced = info
	}
	if err := d.create(dir); err != nil {
		if _, missing := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && missing != nil {
			return nil, fmt.Errorf("its folder %s does not exist; create it first (%w)", filepath.Clean(dir), fs.ErrNotExist)
		}
		return nil, err
	}
	if err := d.fill(write); err != nil {
		d.Discard()
		return nil, err
	}
	return d, nil
}

// create makes a file without a name, or on systems without such files one with a
// temporary name.
func (d *Draft) create(dir string) (err error) {
	if d.f, err = createUnnamed(dir); err == nil {
		Lock(d.f)
		return nil
	}
	return d.createNamed()
}

func (d *Draft) createNamed() error {
	f, err := os.OpenFile(d.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	Lock(f)
	d.f, d.named = f, true
	return nil
}

func (d *Draft) fill(write func(io.Writer) error) error {
	if err := write(d.f); err != nil {
		return err
	}
	if d.scratch {
		return d.f.Chmod(0o600)
	}
	if d.replaced != nil {
		if err := d.f.Chmod(d.replaced.Mode().Perm()); err != nil {
			return err
		}
	}
	return d.f.Sync()
}

// nameIt makes sure that the file is called temp.
func (d *Draft) nameIt() error {
	if d.named {
		return nil
	}
	if err := nameFile(d.f, d.temp); err == nil {
		d.named = true
		return nil
	}
	// This file system makes files without a name, but cannot name them later.
	unnamed := d.f
	defer unnamed.Close()
	if err := d.createNamed(); err != nil {
		return err
	}
	return d.fill(func(w io.Writer) error {
		if _, err := unnamed.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.Copy(w, unnamed)
		return err
	})
}

// Publish gives the file its name. When Publish returns nil, the file survives a crash
// of the machine; on any error the old file is still there, and the new one is gone.
func (d *Draft) Publish() error {
	defer d.Discard()
	if err := d.nameIt(); err != nil {
		return err
	}
	if err := os.Rename(d.temp, d.target); err != nil {
		return err
	}
	d.named = false
	if d.scratch {
		return nil
	}
	return syncFolder(filepath.Dir(d.target))
}

// Discard gives up a file that was not published; after Publish it does nothing.
func (d *Draft) Discard() {
	if d.named {
		os.Remove(d.temp)
		d.named = false
	}
	d.f.Close() // only now, as the lock ends with it
}

// Link makes dst another name of the file src: a hard link. A file that was called dst
// keeps its name until then.
func Link(src, dst string) error {
	err := os.Link(src, dst)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	temp := filepath.Join(filepath.Dir(dst), tempName(filepath.Base(dst)))
	if err := os.Link(src, temp); err != nil {
		return err
	}
	if err := os.Rename(temp, dst); err != nil {
		os.Remove(temp)
		return err
	}
	os.Remove(temp) // where both were the same file already, renaming did nothing
	return nil
}

// tempName returns a name for an unfinished file that nobody can predict.
func tempName(base string) string { return "." + short(base) + ".tmp-" + rand.Text()[:10] }

// short leaves room for the rest of a temporary name: 255 bytes is the limit.
func short(base string) string { return base[:min(len(base), 200)] }

var temporary = regexp.MustCompile(`^\.(.+)\.tmp-[A-Z2-7]{10}$`)

// Sweep removes from a folder the unfinished files that killed processes have left: of the
// files and folders called names, or of all files without names. It recognises them by the
// form of their names, and skips those that a living process is writing.
func Sweep(dir string, names ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		match := temporary.FindStringSubmatch(e.Name())
		of := func(name string) bool { return short(name) == match[1] }
		wanted := match != nil && (names == nil || slices.ContainsFunc(names, of))
		if !wanted || !e.Type().IsRegular() && (names == nil || !e.IsDir()) {
			continue
		}
		if err := sweep(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func sweep(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if err == nil {
		defer f.Close()
		if !Lock(f) {
			return nil
		}
	}
	return os.RemoveAll(path)
}

// Follow returns the path at the end of path's symbolic links. Nothing need exist
// there.
func Follow(path string) (string, error) {
	for range 40 {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, nil // making the file finds what is wrong
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return "", errors.New("too many symbolic links")
}

// syncFolder writes the names of the files in dir to the disk, on file systems that
// can.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // the folder may be written but not read: nothing more can be done
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("written, but its folder did not reach the disk: %w", err)
	}
	return nil
}
