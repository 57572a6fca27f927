// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// A probing is what the prober said.
type probing struct {
	failure     error // the first library that does not load
	driver      int   // CUDA version of the NVIDIA driver, 13020 for 13.2; 0 without one
	devices     int   // CUDA devices
	devicesCode int   // CUDA's error instead of a number of devices
	abi         int   // of the bridge, if that was loaded
}

// probePath is where a home keeps the prober.
func probePath(home string) string {
	text, _ := probeFiles.ReadFile("probe/probe.cpp") // embedded, always there
	sum := sha256.Sum256(text)
	return filepath.Join(home, "bridge", "etude_probe-"+hex.EncodeToString(sum[:])[:16])
}

// findProbe finds the prober; "" if there is none.
func (s *search) findProbe() string {
	for _, home := range s.homes {
		if path := probePath(home); isFile(path) {
			return path
		}
	}
	return ""
}

// probe opens libraries in another process. A library that crashes there is a
// failure like one that does not load.
func probe(ctx context.Context, prober string, libraries ...string) (probing, error) {
	out, err := runCommand(ctx, nil, "", prober, libraries...)
	if ctx.Err() != nil {
		return probing{}, err
	}
	var p probing
	loaded := 0
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.Atoi(value)
		switch key {
		case "ok":
			loaded++
		case "error":
			path, message, _ := strings.Cut(value, "\t")
			if p.failure == nil {
				p.failure = fmt.Errorf("%s does not load: %s", path, message)
			}
		case "driver":
			p.driver = n
		case "devices":
			p.devices = n
		case "devices-error":
			p.devicesCode = n
		case "abi":
			p.abi = n
		}
	}
	if p.failure == nil && loaded < len(libraries) {
		p.failure = fmt.Errorf("%s does not load: %w", libraries[loaded], errors.Join(err, errors.New(tail(out, 3))))
	}
	return p, nil
}
