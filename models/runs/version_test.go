// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVersion(t *testing.T) {
	own := debug.Module{Path: modulePath, Version: "v0.1.0"}
	assert.Equal(t, "v0.1.0", describeBuild(&debug.BuildInfo{Main: own}))
	assert.Equal(t, "v0.1.0", describeBuild(&debug.BuildInfo{Main: debug.Module{Path: "example.org/x"}, Deps: []*debug.Module{&own}}))
	built := debug.BuildInfo{Main: debug.Module{Path: modulePath, Version: "(devel)"}}
	assert.Equal(t, "devel", describeBuild(&built))
}
