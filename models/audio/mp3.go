// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"errors"
	"io"
)

func decodeMP3(r *io.SectionReader, maxSeconds float64) (*Clip, error) {
	return nil, errors.New("not yet")
}
