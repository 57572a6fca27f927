// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"io/fs"
	"os"
)

// sayRights says once, after an error, who it is that may not do something: in a
// container that is easily somebody else than whoever started it.
func (e *Env) sayRights(err error) {
	if e.saidRights || !errors.Is(err, fs.ErrPermission) {
		return
	}
	e.saidRights = true
	e.say(`etude: this runs as user %d of group %d, who may not do that; a container runs as you with --user "$(id -u):$(id -g)", in rootless Podman with --userns keep-id besides`, os.Getuid(), os.Getgid())
}
