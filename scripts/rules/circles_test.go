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

// straight are the folders whose files can be read in one order: no file uses what a
// later file declares.
var straight = []string{"torch", "torch/libtorch", "torch/cuda", "torch/internal/ctorch"}

// TestNoCircles finds the files of a folder that use each other's functions, types,
// constants or variables in a circle.
func TestNoCircles(t *testing.T) {
	all := sources(t, ".go")
	for _, folder := range straight {
		set := token.NewFileSet()
		var files []*ast.File
		for _, f := range all {
			name := path.Base(f.path)
			if path.Dir(f.path) != folder || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_other.go") || name == "nocgo.go" {
				continue
			}
			parsed, err := parser.ParseFile(set, name, f.text, 0)
			require.NoError(t, err)
			files = append(files, parsed)
		}
		require.NotEmpty(t, files, folder)
		assert.Empty(t, circles(usedBy(set, files)), "%s: these files use each other in a circle, or use such ones", folder)
	}
}

// none imports nothing.
type none struct{}

func (none) Import(string) (*types.Package, error) { return nil, errors.New("not read") }

// usedBy returns which files each file uses.
func usedBy(set *token.FileSet, files []*ast.File) map[string][]string {
	// Other packages are not read: what the folder itself declares is known without.
	config := types.Config{FakeImportC: true, Error: func(error) {}, Importer: none{}}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg, _ := config.Check("folder", set, files, info)
	name := func(at token.Pos) string { return filepath.Base(set.Position(at).Filename) }
	uses := map[string][]string{}
	for ident, object := range info.Uses {
		_, isFunc := object.(*types.Func) // methods are in no scope
		if object.Pkg() != pkg || !isFunc && object.Parent() != pkg.Scope() {
			continue
		}
		from, to := name(ident.Pos()), name(object.Pos())
		if from != to && !slices.Contains(uses[from], to) {
			uses[from] = append(uses[from], to)
		}
	}
	return uses
}

// circles takes away the files that use no other one, again and again, and returns what
// is left.
func circles(uses map[string][]string) map[string][]string {
	for before := -1; before != len(uses); {
		before = len(uses)
		for from, to := range uses {
			if !slices.ContainsFunc(to, func(file string) bool { return uses[file] != nil }) {
				delete(uses, from)
			}
		}
	}
	return uses
}

func TestCirclesAreFound(t *testing.T) {
	set := token.NewFileSet()
	var files []*ast.File
	for name, text := range map[string]string{
		"a.go": "package p\nfunc a() { b() }", "b.go": "package p\ntype x struct{}\nfunc b() { x{}.c() }",
		"c.go": "package p\nfunc (x) c() { a() }", "d.go": "package p\nfunc d() {}", "e.go": "package p\nfunc e() { d() }",
	} {
		parsed, err := parser.ParseFile(set, name, text, 0)
		require.NoError(t, err)
		files = append(files, parsed)
	}
	found := circles(usedBy(set, files))
	assert.Equal(t, []string{"a.go", "b.go", "c.go"}, slices.Sorted(maps.Keys(found)))
}
