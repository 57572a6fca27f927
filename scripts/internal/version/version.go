// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package version tells which version of this module runs.
package version

import (
	"runtime/debug"
	"strings"
)

// module is this module's path.
const module = "github.com/etude-ml/etude"

// stamp is the version where the build cannot know it, as in a container without
// the repository's history: -ldflags '-X …/scripts/internal/version.stamp=v1.2.3'.
var stamp string

// Etude is the module's version, or the commit that it was built from.
func Etude() string {
	if stamp != "" {
		return stamp
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	if info.Main.Path != module {
		// Imported: the version is that of the dependency.
		for _, dep := range info.Deps {
			if dep.Path == module {
				return dep.Version
			}
		}
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var commit, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if commit == "" {
		return "devel"
	}
	return strings.Join([]string{"devel-", commit, dirty}, "")
}
