// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// find gives the source's folder and label file below root.
func (s Files) find(root string) (dir, labels string, err error) {
	dir, err = findFolder(root, s.Folder)
	switch {
	case err != nil:
		return "", "", err
	case dir == "":
		wanted := s.Holds
		if s.Labels != "" {
			wanted += fmt.Sprintf(" and a file %s (%s)", s.Labels, s.wanted())
		}
		return "", "", noFolder(s.Network, root, s.Folder, wanted)
	case s.Labels == "":
		return dir, "", nil
	}
	labels, err = findBeside(dir, s.Network, s.Labels, s.wanted())
	return dir, labels, err
}

// Present says whether root has the folder.
func (s Files) Present(root string) bool { return present(root, s.Folder) }

func present(root, folder string) bool {
	dir, err := findFolder(root, folder)
	return err == nil && dir != ""
}

// findFolder finds a folder below root/training, or below root; "" where there
// is none.
func findFolder(root, folder string) (string, error) {
	info, err := os.Stat(root)
	if err != nil {
		return "", fmt.Errorf("dataset: %w", err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("dataset: %s is a file: name the folder that holds training/", root)
	}
	for _, dir := range []string{filepath.Join(root, "training", folder), filepath.Join(root, folder)} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return "", nil
}

func noFolder(network, root, folder, wanted string) error {
	return fmt.Errorf("dataset: %s: no folder %s: make it and put %s into it", network, filepath.Join(root, "training", folder), wanted)
}

// findBeside finds a label file in a folder or one level up.
func findBeside(dir, network, name, wanted string) (string, error) {
	up := filepath.Dir(dir)
	for _, file := range []string{filepath.Join(dir, name), filepath.Join(up, name)} {
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("dataset: %s: no file %s in %s or in %s: write one with %s", network, name, dir, up, wanted)
}

// index holds the files below a folder by name: the path from the folder, with
// slashes.
type index struct {
	names      []string            // the source's files, sorted
	exists     map[string]bool     // every file
	normalised map[string][]string // NFC form → names
	similar    map[string]string   // stem in lower case → a name, for hints
}

// list finds the files below dir, and what about them is a problem. Folders and
// files whose name begins with a dot are litter of some program; such a file is
// used where a label names it. Links to files are followed, links to folders are
// not.
func (s Files) list(dir string) (*index, []Problem, error) {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("dataset: %s: %w", s.Network, err)
	}
	idx := &index{exists: map[string]bool{}, normalised: map[string][]string{}, similar: map[string]string{}}
	var problems []Problem
	err = filepath.WalkDir(resolved, func(full string, d fs.DirEntry, err error) error {
		if full == resolved {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(full, resolved+string(filepath.Separator)))
		if err != nil { // a folder that cannot be listed
			problems = append(problems, Problem{LevelError, KindFile, name, err.Error()})
			return nil
		}
		hidden := strings.HasPrefix(d.Name(), ".")
		if d.IsDir() {
			if hidden {
				return fs.SkipDir
			}
			return nil
		}
		wanted := !hidden && slices.Contains(s.Extensions, strings.ToLower(path.Ext(name)))
		if info, err := os.Stat(full); err != nil || !info.Mode().IsRegular() {
			if wanted || err == nil && info.IsDir() {
				problems = append(problems, Problem{LevelWarning, KindFile, name, "neither a file nor a link to one: not read"})
			}
			return nil
		}
		idx.add(name, wanted)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("dataset: %s: %w", s.Network, err)
	}
	slices.Sort(idx.names)
	return idx, problems, nil
}

func (x *index) add(name string, wanted bool) {
	x.exists[name] = true
	nfc := norm.NFC.String(name)
	x.normalised[nfc] = append(x.normalised[nfc], name)
	if wanted {
		x.names = append(x.names, name)
		if key := stem(name); x.similar[key] == "" {
			x.similar[key] = name
		}
	}
}

// resolve finds the file that a label names: the same name, or else the one that
// is the same text in another Unicode form (macOS stores é as two characters).
// Otherwise it gives the reason why there is none.
func (x *index) resolve(name string) (file, reason string) {
	if name == "" {
		return "", "the file name is missing"
	}
	if path.IsAbs(name) || slices.Contains(strings.Split(name, "/"), "..") {
		return "", "the name leads out of the folder: write the path from the folder on, without .."
	}
	name = path.Clean(name)
	if x.exists[name] {
		return name, ""
	}
	switch same := x.normalised[norm.NFC.String(name)]; {
	case len(same) == 1:
		return same[0], ""
	case len(same) > 1:
		return "", fmt.Sprintf("%d files differ from this name by their Unicode form only: rename all but one", len(same))
	}
	if near := x.similar[stem(name)]; near != "" {
		return "", fmt.Sprintf("no such file; there is %q: write its name exactly", near)
	}
	return "", "no such file: add it or remove its label"
}

// stem is what is left of a name where people go wrong: case, extension, spaces.
func stem(name string) string {
	name = norm.NFC.String(strings.TrimSpace(name))
	return strings.ToLower(strings.TrimSpace(strings.TrimSuffix(name, path.Ext(name))))
}
