// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/models/dataset/cache"
)

func ExampleCache_Do() {
	dir, err := os.MkdirTemp("", "features")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	song := filepath.Join(dir, "song.wav")
	if err := os.WriteFile(song, []byte("sound"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	kept, err := cache.Open(filepath.Join(dir, "cache"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer kept.Close()
	for range 2 {
		entry, err := kept.Do(context.Background(), song, "example.loudness", 1, func() (*cache.Entry, error) {
			fmt.Println("decoding")
			return &cache.Entry{Rows: []cache.Row{{Values: []float32{0.5}}}}, nil
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(entry.Rows[0].Values)
	}
	// Output:
	// decoding
	// [0.5]
	// [0.5]
}
