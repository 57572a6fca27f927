// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/models/music/audio"
)

// This example writes two seconds of the note A, and computes the 128 log-mel bands that
// the network emotion learns from.
func ExampleLogMel() {
	samples := make([]float64, 2*22050)
	for i := range samples {
		samples[i] = 0.5 * math.Sin(2*math.Pi*440*float64(i)/22050)
	}
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a.wav")
	f, _ := os.Create(path)
	if err := audio.WriteWAV(f, samples, 22050); err != nil {
		fmt.Println(err)
		return
	}
	f.Close()
	bands, err := audio.LogMel(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	loudest := 0
	for i, b := range bands {
		if b > bands[loudest] {
			loudest = i
		}
	}
	fmt.Println(len(bands), "bands, the loudest is", loudest)
	// Output: 128 bands, the loudest is 16
}
