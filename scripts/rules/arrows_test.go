// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rules

import (
	"go/parser"
	"go/token"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/etude-ml/etude/"

// arrows says which packages a package may import, beside those below itself. A
// name that ends in /… stands for all packages below. The first rule that fits
// holds.
var arrows = []struct {
	from string
	to   []string
}{
	{"scripts/…", []string{"scripts/…", "models/…", "trainer/…", "torch/…"}},
	{"models/runs", []string{"models/…", "trainer", "torch/…"}},
	{"models/internal/musictest", []string{"torch/torchtest"}},
	{"models/…", []string{"models/…", "torch", "torch/data", "torch/inspect", "torch/nn", "torch/wholefile"}},
	{"trainer", []string{"torch", "torch/cuda", "torch/data", "torch/dist", "torch/nn", "torch/optim/…", "torch/pt", "torch/wholefile", "trainer/figure", "trainer/metric"}},
	{"trainer/figure", nil},
	{"trainer/metric", []string{"torch"}},
	{"torch/cuda", []string{"torch", "torch/internal/ctorch"}},
	{"torch/onnx/…", []string{"torch", "torch/internal/fail", "torch/inspect", "torch/nn", "torch/libtorch", "torch/wholefile"}},
	{"torch/gotorch", []string{"torch", "torch/libtorch", "torch/nn"}},
	{"torch/rtneural", []string{"torch", "torch/internal/fail", "torch/nn", "torch/wholefile"}},
	{"torch/data/files", []string{"torch", "torch/data", "torch/pt", "torch/safetensors", "torch/wholefile"}},
	{"torch/data", []string{"torch", "torch/cuda"}},
	{"torch/nn", []string{"torch"}},
	{"torch/dist", []string{"torch", "torch/internal/ctorch", "torch/libtorch", "torch/nn"}},
	{"torch/optim/swa", []string{"torch", "torch/nn"}},
	{"torch/optim", []string{"torch"}},
	{"torch/pt/…", []string{"torch", "torch/internal/fail", "torch/inspect", "torch/wholefile"}},
	{"torch/safetensors/…", []string{"torch", "torch/internal/fail", "torch/inspect", "torch/wholefile"}},
	{"torch/torchtest/…", []string{"torch", "torch/nn", "torch/cuda", "torch/libtorch", "torch/internal/ctorch/pretend"}},
	{"torch/libtorch/…", []string{"torch/internal/ctorch/bridge", "torch/wholefile"}},
	{"torch/internal/ctorch/pretend", []string{"torch/internal/ctorch/bridge"}},
	{"torch/internal/…", nil},
	{"torch/wholefile", nil},
	{"torch", []string{"torch/internal/ctorch", "torch/libtorch"}},
}

func fits(pattern, pkg string) bool {
	if base, all := strings.CutSuffix(pattern, "/…"); all {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	return pkg == pattern
}

func TestArrows(t *testing.T) {
	for _, f := range sources(t, ".go") {
		pkg := path.Dir(f.path)
		parsed, err := parser.ParseFile(token.NewFileSet(), f.path, f.text, parser.ImportsOnly)
		require.NoError(t, err)
		isTest := strings.HasSuffix(f.path, "_test.go")
		for _, i := range parsed.Imports {
			full, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			to, own := strings.CutPrefix(full, module)
			switch {
			case full == "C":
				// pretend is for tests; crash holds a signal handler in C, and nothing of libtorch; gotorch
				// calls what is compiled with GoTorch's C++.
				assert.Contains(t, []string{"torch/internal/ctorch", "torch/internal/ctorch/pretend", "scripts/internal/crash", "torch/gotorch"}, pkg, "%s: only ctorch is cgo", f.path)
			case !own:
			case isTest:
				// Tests may take what they compare with, but not turn the tree over.
				assert.True(t, fits("scripts/…", pkg) || !fits("scripts/…", to), "%s imports %s", f.path, to)
				assert.False(t, fits("trainer", pkg) && fits("models/…", to), "%s imports %s", f.path, to)
			default:
				assert.True(t, mayImport(pkg, to), "%s imports %s, against the arrows", f.path, to)
			}
		}
	}
}

func mayImport(pkg, to string) bool {
	if strings.HasPrefix(to, pkg+"/") && pkg != "torch" {
		return true
	}
	for _, rule := range arrows {
		if !fits(rule.from, pkg) {
			continue
		}
		for _, allowed := range rule.to {
			if fits(allowed, to) {
				return true
			}
		}
		return false
	}
	return false
}

func TestRulesAreStrict(t *testing.T) {
	for _, c := range []struct {
		pkg, to string
		want    bool
	}{
		{"trainer", "models", false},
		{"trainer", "torch/pt", true},
		{"torch", "torch/nn", false},
		{"torch/nn", "torch/internal/ctorch", false},
		{"models/dataset", "models/music/audio", true},
		{"models", "trainer", false},
		{"models/music/audio", "models/music/audio/internal/flac", true},
		{"torch/libtorch", "torch/internal/ctorch", false},
		{"torch/elsewhere", "torch", false},
	} {
		assert.Equal(t, c.want, mayImport(c.pkg, c.to), "%s → %s", c.pkg, c.to)
	}
}
