// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rules

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A reader of go doc looks for a name, so the comment of every exported name begins
// with it. Constants and variables may share the comment of their group.
func TestDocsBeginWithTheName(t *testing.T) {
	checked := 0
	for _, f := range sources(t, ".go") {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.path, f.text, parser.ParseComments)
		require.NoError(t, err)
		check := func(name *ast.Ident, docs ...*ast.CommentGroup) {
			if !name.IsExported() || parsed.Name.Name == "main" {
				return
			}
			checked++
			for _, doc := range docs {
				if text := doc.Text(); strings.HasPrefix(text, name.Name) || strings.HasPrefix(text, "Deprecated:") {
					return
				}
			}
			assert.Fail(t, "no doc comment that begins with the name", "%s: %s", f.path, name.Name)
		}
		for _, decl := range parsed.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil || exportedReceiver(d.Recv.List[0].Type) {
					check(d.Name, d.Doc)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						check(s.Name, s.Doc, d.Doc)
					case *ast.ValueSpec:
						if len(d.Specs) == 1 && len(s.Names) == 1 {
							check(s.Names[0], s.Doc, d.Doc)
						}
					}
				}
			}
		}
	}
	require.Greater(t, checked, 500)
}

// Every package that others import shows in an example how it is used.
func TestPackagesHaveExamples(t *testing.T) {
	examples := map[string]bool{}
	for _, f := range sources(t, ".go") {
		dir := filepath.Dir(f.path)
		if strings.Contains(dir, "internal") || strings.HasPrefix(dir, "scripts/") || dir == "torch/torchtest" {
			continue
		}
		examples[dir] = examples[dir] || bytes.Contains(f.text, []byte("\nfunc Example"))
	}
	require.Greater(t, len(examples), 20)
	for dir, found := range examples {
		assert.True(t, found, "%s: no Example", dir)
	}
}

// exportedReceiver reports whether a method's type is exported.
func exportedReceiver(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StarExpr:
		return exportedReceiver(e.X)
	case *ast.IndexExpr:
		return exportedReceiver(e.X)
	case *ast.IndexListExpr:
		return exportedReceiver(e.X)
	case *ast.Ident:
		return e.IsExported()
	}
	return false
}
