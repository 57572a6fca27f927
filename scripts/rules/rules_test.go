// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package rules holds the repository's own rules, as tests.
package rules

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root     = "../.."
	maxLines = 500     // of a source file; a file is one concept
	maxBytes = 100_000 // of any file
)

// file is a file of the repository, its path with slashes.
type file struct {
	path string
	text []byte
}

// files reads the repository, without what .gitignore names.
func files(t *testing.T) []file {
	skip := []string{".git", ".venv", ".cache", "bin", "demo", "runs"}
	var list []file
	err := filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		report, _ := path.Match("gpu-check*.json", rel)
		switch {
		case d.IsDir() && (slices.Contains(skip, rel) || d.Name() == "__pycache__"):
			return fs.SkipDir
		case d.IsDir() || report || strings.HasSuffix(rel, ".test") || strings.HasSuffix(rel, ".out"):
			return nil
		}
		text, err := os.ReadFile(at)
		list = append(list, file{rel, text})
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

// sources are the files with one of the extensions.
func sources(t *testing.T, extensions ...string) []file {
	return slices.DeleteFunc(files(t), func(f file) bool {
		return !slices.Contains(extensions, filepath.Ext(f.path))
	})
}

func TestTopLevel(t *testing.T) {
	allowed := []string{
		"go.mod", "go.sum", "torch", "trainer", "models", "scripts",
		"Dockerfile.cuda", "Makefile", "README.md", "LICENSE",
	}
	for _, f := range files(t) {
		top, _, _ := strings.Cut(f.path, "/")
		if !strings.HasPrefix(top, ".") {
			assert.Contains(t, allowed, top)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, f := range sources(t, ".go", ".c", ".h", ".cpp", ".py") {
		for i, want := range []string{" Copyright 2026 The Etude authors", " SPDX-License-Identifier: MIT"} {
			lines := strings.SplitN(string(f.text), "\n", 3)
			mark := "//"
			if filepath.Ext(f.path) == ".py" {
				mark = "#"
			}
			require.Len(t, lines, 3, f.path)
			assert.Equal(t, mark+want, lines[i], f.path)
		}
	}
}

// caseFiles are taken from PyTorch's own test databases by the script beside each.
var caseFiles = []string{"torch/nn/testdata/modules.pt", "torch/optim/testdata/optimizers.pt", "torch/testdata/autocast.pt", "torch/testdata/calls.pt"}

// maxCases is the size of all case files together, in bytes.
const maxCases = 5_000_000

func TestSizes(t *testing.T) {
	cases := 0
	for _, f := range files(t) {
		if slices.Contains(caseFiles, f.path) {
			cases += len(f.text)
			continue
		}
		assert.LessOrEqual(t, len(f.text), maxBytes, "%s is too large; make it at test time, or smaller", f.path)
	}
	assert.LessOrEqual(t, cases, maxCases, "the cases of PyTorch's test databases; write fewer of them")
	for _, f := range sources(t, ".go", ".c", ".h", ".cpp", ".py") {
		assert.LessOrEqual(t, bytes.Count(f.text, []byte("\n")), maxLines, "%s is long; a file is one concept", f.path)
	}
}

func TestBinariesAreTestdata(t *testing.T) {
	for _, f := range files(t) {
		if bytes.IndexByte(f.text, 0) >= 0 {
			picture := strings.HasPrefix(f.path, ".github/docs/") && filepath.Ext(f.path) == ".png"
			assert.True(t, picture || strings.Contains(f.path, "/testdata/"), "%s: a binary file", f.path)
		}
	}
}

func TestPackageDocs(t *testing.T) {
	docs, packages := map[string][]string{}, map[string]bool{}
	for _, f := range sources(t, ".go") {
		parsed, err := parser.ParseFile(token.NewFileSet(), f.path, f.text, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		dir := filepath.Dir(f.path)
		packages[dir] = packages[dir] || !strings.HasSuffix(parsed.Name.Name, "_test")
		if parsed.Doc != nil {
			docs[dir] = append(docs[dir], filepath.Base(f.path))
		}
	}
	for dir, ownPackage := range packages {
		if ownPackage {
			assert.Len(t, docs[dir], 1, "%s: the package doc stands in exactly one file", dir)
		}
	}
}

// Libraries return what went wrong; the command decides what to print, and ends.
func TestLibrariesNeitherLogNorExit(t *testing.T) {
	for _, f := range sources(t, ".go") {
		if strings.HasPrefix(f.path, "scripts/") || strings.HasPrefix(f.path, "torch/torchtest/") || strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.path, f.text, 0)
		require.NoError(t, err)
		for _, i := range parsed.Imports {
			assert.NotContains(t, []string{`"log"`, `"log/slog"`}, i.Path.Value, f.path)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := call.X.(*ast.Ident); ok {
					name := pkg.Name + "." + call.Sel.Name
					if f.path == "torch/warnings.go" && name == "os.Stderr" {
						return true // libtorch's own warnings, which libtorch would print there itself
					}
					assert.NotContains(t, []string{"os.Exit", "fmt.Print", "fmt.Printf", "fmt.Println", "os.Stdout", "os.Stderr"}, name, f.path)
				}
			}
			return true
		})
	}
}
