// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
	"path/filepath"
)

// Download brings libtorch and ONNX Runtime into the home as [Setup] does, and
// compiles nothing: a Setup that follows finds them there. It needs pip and no
// compiler. A program that calls Download and not Setup contains none of the
// bridge's sources, so the layer of a container's image that it fills stays as
// it is when they change. Options.Libtorch must be empty.
func Download(ctx context.Context, o Options) error {
	if err := checkPlatform(); err != nil {
		return err
	}
	if o.Libtorch != "" {
		return errors.New("libtorch: download: Options.Libtorch names a libtorch that is here already")
	}
	s, err := newHomes(o.Home)
	if err != nil {
		return err
	}
	w := &setup{search: s, options: o}
	unlock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if o.Force || !isDir(filepath.Join(w.home, wheelFolder(o.CUDA))) {
		if err := w.downloadTorch(ctx, o.CUDA, nil); err != nil {
			return err
		}
	}
	if o.Force || !isFile(filepath.Join(w.home, onnxRuntimeFolder, onnxRuntimeFile)) {
		if err := w.installONNXRuntime(ctx); err != nil {
			return err
		}
	}
	w.report(Event{Stage: StageDone})
	return nil
}
