// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// WriteWAV writes samples, full scale ±1 and clipped there, as a mono wav of
// 16-bit PCM at rate frames per second.
func WriteWAV(w io.Writer, samples []float64, rate int) error {
	if err := checkShape(int64(rate), 1); err != nil {
		return fmt.Errorf("audio: write wav: %w", err)
	}
	if err := checkFinite(samples); err != nil {
		return fmt.Errorf("audio: write wav: %w", err)
	}
	size := 2 * int64(len(samples))
	if size > math.MaxUint32-36 {
		return fmt.Errorf("audio: write wav: %d samples are too many for a wav file", len(samples))
	}
	b := make([]byte, 0, 44+size)
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(36+size))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, tagPCM)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate))
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(size))
	for _, v := range samples {
		v = math.Round(v * (1 << 15))
		b = le.AppendUint16(b, uint16(int16(min(max(v, -1<<15), 1<<15-1))))
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("audio: write wav: %w", err)
	}
	return nil
}
