// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/etude-ml/etude/models/music/audio"
)

// item is a usable file, or a usable progression.
type item struct {
	name     string // of a file, its path from the folder, with slashes
	group    string
	labelled bool
	Label
	parts []Part
	notes []string
	found finding
	clip  *audio.Info
}

// finding identifies the content of a file, or of a progression, and its samples.
type finding struct {
	content mark // zero: nothing else can be the same
	samples []mark
}

// mark stands for content or numbers: half of a SHA-256, by which two of a
// billion agree with a probability below 1e-20.
type mark [16]byte

// fingerprint identifies the numbers of a sample, in which nil differs from none.
func fingerprint(parts ...[]float32) mark {
	h := sha256.New()
	buf := make([]byte, 0, 1024)
	for _, values := range parts {
		buf = binary.LittleEndian.AppendUint64(buf[:0], uint64(len(values)))
		for _, v := range values {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		h.Write(buf)
	}
	return mark(h.Sum(nil)[:len(mark{})])
}

// fingerprints identifies the samples that a file gives.
func fingerprints(parts []Part) []mark {
	prints := make([]mark, len(parts))
	for i, p := range parts {
		prints[i] = fingerprint(p.Input, p.Target)
	}
	return prints
}

// partName names a sample.
func partName(file, part string) string {
	if part == "" {
		return file
	}
	return fmt.Sprintf("%s [%s]", file, part)
}
