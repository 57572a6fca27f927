// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxJobs bounds how many compilers run at once, each of which takes about a gigabyte
// with libtorch's headers, and how many files are unpacked at once.
const maxJobs = 4

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool { return isFileWithout(path, 0) }

// isSafeFile reports whether a file may be opened as a library or run. One that every
// user may write to counts as missing, and setup makes it anew.
func isSafeFile(path string) bool { return isFileWithout(path, 0o002) }

func isFileWithout(path string, bits fs.FileMode) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&bits == 0
}

func inOneOf(dirs []string, name string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return isFile(filepath.Join(dir, name)) })
}

// filesIn lists the files in a folder whose names end in suffix. [filepath.Glob] would
// take brackets in the folder's name for a pattern.
func filesIn(folder, suffix string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	var found []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			found = append(found, filepath.Join(folder, e.Name()))
		}
	}
	return found, err
}

// keepOthersOut takes from all but the owner the right to write to a file, whatever
// the umask, because it is code that is run or names such code.
func keepOthersOut(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return f.Chmod(info.Mode().Perm() &^ 0o022)
}

// write makes a file, and the folders above it.
func write(path string, text []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("libtorch: %w", err)
	}
	return nil
}

// install moves a finished file to its place in one step, after its content has
// reached the disk.
func install(made, place string) (string, error) {
	f, err := os.Open(made)
	if err == nil {
		defer f.Close()
		err = os.MkdirAll(filepath.Dir(place), 0o755)
	}
	if err == nil {
		err = keepOthersOut(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(made, place)
	}
	if err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	return place, nil
}
