// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rules

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoCircles finds the files of a folder that use each other's functions, types,
// constants or variables in a circle. The files of every folder can be read in one order:
// no file uses what a later file declares.
func TestNoCircles(t *testing.T) {
	folders, set := map[string][]*ast.File{}, token.NewFileSet()
	for _, f := range sources(t, ".go") {
		name := path.Base(f.path)
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_other.go") || name == "nocgo.go" {
			continue
		}
		parsed, err := parser.ParseFile(set, name, f.text, 0)
		require.NoError(t, err)
		folders[path.Dir(f.path)] = append(folders[path.Dir(f.path)], parsed)
	}
	require.Greater(t, len(folders), 40)
	for folder, files := range folders {
		if steps := circle(usedBy(set, files)); steps != nil {
			assert.Fail(t, folder+": files use each other in a circle; move what one of them needs to a file that uses less", strings.Join(steps, "\n"))
		}
	}
}

// none imports nothing.
type none struct{}

func (none) Import(string) (*types.Package, error) { return nil, errors.New("not read") }

// uses holds the names that a file takes from other files: from, to, names.
type uses map[string]map[string][]string

// usedBy returns what each file uses.
func usedBy(set *token.FileSet, files []*ast.File) uses {
	// Other packages are not read: what the folder itself declares is known without.
	config := types.Config{FakeImportC: true, Error: func(error) {}, Importer: none{}}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg, _ := config.Check("folder", set, files, info)
	name := func(at token.Pos) string { return filepath.Base(set.Position(at).Filename) }
	found := uses{}
	for ident, object := range info.Uses {
		_, isFunc := object.(*types.Func) // methods are in no scope
		if object.Pkg() != pkg || !isFunc && object.Parent() != pkg.Scope() {
			continue
		}
		from, to := name(ident.Pos()), name(object.Pos())
		if from == to {
			continue
		}
		if found[from] == nil {
			found[from] = map[string][]string{}
		}
		if !slices.Contains(found[from][to], ident.Name) {
			found[from][to] = append(found[from][to], ident.Name)
		}
	}
	return found
}

// circle returns the steps of one circle, such as "a.go uses b.go: f, g", or nil.
func circle(u uses) (steps []string) {
	// Files that use no other file are taken away, again and again. Each of those that
	// are left then uses another of them.
	for before := -1; before != len(u); {
		before = len(u)
		for from, to := range u {
			maps.DeleteFunc(to, func(file string, _ []string) bool { return u[file] == nil })
			if len(to) == 0 {
				delete(u, from)
			}
		}
	}
	if len(u) == 0 {
		return nil
	}
	// Following the uses from file to file leads to a file that was visited before.
	path := []string{slices.Min(slices.Collect(maps.Keys(u)))}
	for {
		from := path[len(path)-1]
		to := slices.Min(slices.Collect(maps.Keys(u[from])))
		names := slices.Sorted(slices.Values(u[from][to]))
		steps = append(steps, from+" uses "+to+": "+strings.Join(names, ", "))
		if again := slices.Index(path, to); again >= 0 {
			return steps[again:]
		}
		path = append(path, to)
	}
}

func TestCirclesAreFound(t *testing.T) {
	set := token.NewFileSet()
	var files []*ast.File
	for name, text := range map[string]string{
		"a.go": "package p\nfunc a() { b(); d() }", "b.go": "package p\ntype x struct{}\nfunc b() { x{}.c() }",
		"c.go": "package p\nfunc (x) c() { a() }", "d.go": "package p\nfunc d() {}", "e.go": "package p\nfunc e() { a(); d() }",
	} {
		parsed, err := parser.ParseFile(set, name, text, 0)
		require.NoError(t, err)
		files = append(files, parsed)
	}
	assert.Equal(t, []string{"a.go uses b.go: b", "b.go uses c.go: c", "c.go uses a.go: a"}, circle(usedBy(set, files)))
	assert.Empty(t, circle(usedBy(set, files[:1])))
}
