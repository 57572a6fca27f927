// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"errors"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
)

// onStream calls f with a CUDA stream of its own, so that runs side by side on one
// GPU do not queue up behind each other; on other devices it just calls f. Work that the
// caller's stream has been given before is done before f's, and f's is done before work
// that it is given later.
func onStream(d torch.Device, f func()) (err error) {
	if d.Type != torch.DeviceCUDA {
		f()
		return nil
	}
	outer, err := cuda.CurrentStream(d.Index)
	if err != nil {
		return err
	}
	own, err := cuda.NewStream(d.Index)
	if err != nil {
		return err
	}
	if err := own.WaitStream(outer); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, outer.WaitStream(own)) }() // also when f panics
	return own.Do(f)
}
