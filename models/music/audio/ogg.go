// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"io"
	"math"
	"strings"

	"github.com/etude-ml/etude/models/internal/filekind"
	"github.com/etude-ml/etude/models/music/audio/internal/ogg"
)

// sniffOgg names what an Ogg file holds. A video's sound counts, too.
func sniffOgg(r io.ReaderAt, start int64) (string, format) {
	what := "an Ogg file without a known stream"
	for _, head := range ogg.Heads(io.NewSectionReader(r, start, math.MaxInt64-start)) {
		switch {
		case strings.HasPrefix(head, "OpusHead"):
			return "opus", decodeOpus
		case strings.HasPrefix(head, "\x01vorbis"):
			what = "an Ogg Vorbis file"
		case strings.HasPrefix(head, "\x7fFLAC"):
			what = "a FLAC stream in Ogg"
		case strings.HasPrefix(head, "Speex "):
			what = "an Ogg Speex file"
		}
	}
	return "is " + what + "; " + filekind.Convert, nil
}
