// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"fmt"
	"slices"
)

// CompilePretend compiles the pretend accelerator, a library for tests alone,
// and returns its path. It is kept like the bridge and compiled once.
func CompilePretend(ctx context.Context, inst *Installation) (path string, err error) {
	if err := checkPlatform(); err != nil {
		return "", err
	}
	t, err := openTorch(inst.Libtorch)
	if err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	s, err := newSearch("")
	if err != nil || !slices.Contains(s.homes, inst.Home) {
		if s, err = newSearch(inst.Home); err != nil {
			return "", err
		}
	}
	if path, _ := s.findLibrary(t, pretendBridge); path != "" {
		return path, nil
	}
	w := &setup{search: s}
	unlock, err := w.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := w.compileMissing(ctx, t, pretendBridge); err != nil {
		return "", err
	}
	path, _ = s.findLibrary(t, pretendBridge)
	return path, nil
}
