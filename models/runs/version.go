// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"runtime/debug"
)

// modulePath is this module's path.
const modulePath = "github.com/etude-ml/etude"

// stamp is the version where the build cannot know it, as in a container without
// the repository's history: -ldflags '-X …/models/runs.stamp=v1.2.3'.
var stamp string

// Version returns the module's version, or the commit that it was built from.
func Version() string {
	if stamp != "" {
		return stamp
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return describeBuild(info)
}

func describeBuild(info *debug.BuildInfo) string {
	if info.Main.Path != modulePath {
		// Imported: the version is that of the dependency.
		for _, dep := range info.Deps {
			if dep.Path == modulePath {
				return dep.Version
			}
		}
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "devel" // built without the repository; otherwise Go names the commit
}
