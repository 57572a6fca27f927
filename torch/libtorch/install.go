// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
)

func (w *setup) installTorch(context.Context, bool) error {
	return errors.New("libtorch: installing the torch wheel is not written yet: set ETUDE_LIBTORCH")
}

func (w *setup) installONNXRuntime(context.Context) error { return nil }
