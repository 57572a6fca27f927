// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/text/unicode/norm"

	"github.com/etude-ml/etude/torch/data"
)

// index holds the files below a folder by name: the path from the folder, with
// slashes.
type index struct {
	names      []string            // the source's files, sorted
	exists     map[string]bool     // every file
	normalised map[string][]string // NFC form without space around it → names
	similar    map[string]string   // stem in lower case → a name, for hints
	folder     string              // what the folder itself is called
	failed     error               // the first failure of the system in listing it
}

func newIndex(dir string) *index {
	return &index{exists: map[string]bool{}, normalised: map[string][]string{}, similar: map[string]string{}, folder: filepath.Base(dir)}
}

// normal returns a name without the differences between systems and programs:
// macOS stores é as two characters, and spreadsheets leave space around a name.
func normal(name string) string { return norm.NFC.String(strings.TrimSpace(name)) }

// listFiles finds the files below dir, those with the given extensions above all, and
// reports problems with them. Folders and files whose name begins with a dot are litter
// of some program; such a file is used where a label names it. Links to files are
// followed, links to folders are not.
func listFiles(dir string, extensions []string) (*index, []Problem, error) {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, nil, err
	}
	idx := newIndex(dir)
	var problems []Problem
	err = filepath.WalkDir(resolved, func(full string, d fs.DirEntry, err error) error {
		if full == resolved {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(full, resolved+string(filepath.Separator)))
		if err != nil { // a folder that cannot be listed
			problems = append(problems, Problem{LevelError, KindFile, name, err.Error()})
			idx.fail(err)
			return nil
		}
		hidden := strings.HasPrefix(d.Name(), ".")
		if d.IsDir() {
			if hidden {
				return fs.SkipDir
			}
			return nil
		}
		wanted := !hidden && slices.Contains(extensions, strings.ToLower(path.Ext(name)))
		if info, err := os.Stat(full); err != nil || !info.Mode().IsRegular() {
			if !errors.Is(err, fs.ErrNotExist) { // that is a link to nowhere
				idx.fail(err)
			}
			if wanted || err == nil && info.IsDir() {
				problems = append(problems, Problem{LevelWarning, KindFile, name, "neither a file nor a link to one: not read"})
			}
			return nil
		}
		idx.add(name, wanted)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(idx.names)
	return idx, problems, nil
}

// List returns the files below a folder that have one of some extensions, which are in lower
// case, by name, and what could not be listed. It passes over other files, and over those
// whose name begins with a dot.
func List(dir string, extensions []string) (files []string, skipped []data.Skip, err error) {
	x, problems, err := listFiles(dir, extensions)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range x.names {
		files = append(files, filepath.Join(dir, filepath.FromSlash(name)))
	}
	for _, p := range problems {
		skipped = append(skipped, data.Skip{Name: filepath.Join(dir, filepath.FromSlash(p.Name)), Reason: p.Reason})
	}
	return files, skipped, nil
}

func (x *index) fail(err error) {
	if x.failed == nil && ofSystem(err) {
		x.failed = err
	}
}

func (x *index) add(name string, wanted bool) {
	x.exists[name] = true
	x.normalised[normal(name)] = append(x.normalised[normal(name)], name)
	if wanted {
		x.names = append(x.names, name)
		if key := stem(name); x.similar[key] == "" {
			x.similar[key] = name
		}
	}
}

// resolve finds the file that a label names: the same name, or else the only one
// that is the same text but for its Unicode form and space around it. The path
// may have backslashes, and may begin outside of the folder: "training/audio/a.wav"
// or "audio/a.wav" names a.wav of the folder audio, unless there is a folder audio
// in it. Otherwise resolve gives the reason why there is no such file.
func (x *index) resolve(name string) (file, reason string) {
	if strings.TrimSpace(name) == "" {
		return "", "the file name is missing"
	}
	plain := strings.ReplaceAll(name, `\`, "/")
	if x.exists[path.Clean(name)] {
		plain = name // on some systems a backslash is a character like any other
	}
	drive := len(plain) > 2 && plain[1:3] == ":/"
	if path.IsAbs(plain) || drive || slices.Contains(strings.Split(plain, "/"), "..") {
		return "", "the name leads out of the folder: write the path from the folder on, without .."
	}
	plain = path.Clean(plain)
	names := []string{plain}
	for _, prefix := range []string{x.folder + "/", "training/" + x.folder + "/"} {
		if rest, ok := strings.CutPrefix(plain, prefix); ok {
			names = append(names, rest)
		}
	}
	for _, name := range names {
		if x.exists[name] {
			return name, ""
		}
		switch same := x.normalised[normal(name)]; {
		case len(same) == 1:
			return same[0], ""
		case len(same) > 1:
			return "", fmt.Sprintf("%d files differ from this name by their Unicode form or by space around it only: rename all but one", len(same))
		}
	}
	if near := x.similar[stem(plain)]; near != "" {
		return "", fmt.Sprintf("no such file; there is %q: write its name exactly", near)
	}
	return "", "no such file: add it or remove its label"
}

// stem returns a name without what people often get wrong: case, extension, spaces.
func stem(name string) string {
	name = norm.NFC.String(strings.TrimSpace(name))
	return strings.ToLower(strings.TrimSpace(strings.TrimSuffix(name, path.Ext(name))))
}

// ofSystem reports whether a failure was of the disk, the rights or the moment, not
// of the content or the name: the next reading may succeed.
func ofSystem(err error) bool {
	system, ok := errors.AsType[syscall.Errno](err)
	return ok && !slices.Contains([]syscall.Errno{
		syscall.ENAMETOOLONG, syscall.ELOOP, syscall.ENOTDIR, syscall.EISDIR, syscall.ENXIO, syscall.ENODEV,
	}, system)
}
