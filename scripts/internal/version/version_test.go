// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package version

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDescribe(t *testing.T) {
	own := debug.Module{Path: module, Version: "v0.1.0"}
	assert.Equal(t, "v0.1.0", describe(&debug.BuildInfo{Main: own}))
	assert.Equal(t, "v0.1.0", describe(&debug.BuildInfo{Main: debug.Module{Path: "example.org/x"}, Deps: []*debug.Module{&own}}))
	built := debug.BuildInfo{Main: debug.Module{Path: module, Version: "(devel)"}}
	assert.Equal(t, "devel", describe(&built))
	built.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}
	assert.Equal(t, "devel-0123456789ab+changes", describe(&built))
}
