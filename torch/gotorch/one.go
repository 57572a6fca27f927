// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build gotorch

package gotorch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
)

// one returns an error if GoTorch was linked with another libtorch than the bridge is for: what
// one makes is nothing to the other.
var one = sync.OnceValue(func() error {
	if err := torch.Init(); err != nil {
		return err
	}
	found, err := libtorch.Locate()
	if err != nil {
		return err
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(found.Libtorch, "lib"))
	if err != nil {
		return err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil // only Linux has it
	}
	return onlyFrom(dir, string(maps))
})

// onlyFrom returns an error if the maps of a process name a libtorch outside of dir.
func onlyFrom(dir, maps string) error {
	var others []string
	for line := range strings.Lines(maps) {
		_, path, _ := strings.Cut(strings.TrimSpace(line), "/")
		if path = "/" + path; filepath.Base(path) == "libtorch_cpu.so" && filepath.Dir(path) != dir && !slices.Contains(others, path) {
			others = append(others, path)
		}
	}
	if others != nil {
		return fmt.Errorf("GoTorch is linked with %s, but libtorch is set up in %s; compile GoTorch's C++ again (see package gotorch)", strings.Join(others, ", "), dir)
	}
	return nil
}

func mustBeOne() {
	if err := one(); err != nil {
		throw("%v", err)
	}
}

func throw(format string, args ...any) {
	panic(&torch.Error{Op: "gotorch", Message: fmt.Sprintf(format, args...)})
}
