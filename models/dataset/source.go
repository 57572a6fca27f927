// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"

	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/torch/data"
)

// Source reads a network's samples: [Files] or [Chords].
type Source interface {
	// Samples reads a data folder.
	Samples(ctx context.Context, root string, o Options) (*data.Samples, error)
	// Check reads it too, and reports what is wrong with it. It returns an error if the
	// folder cannot be read at all; the section holds what was found until then.
	Check(ctx context.Context, root string, o Options) (*Section, error)
	// Features reads a single file, without any label.
	Features(path string) (*Features, error)
	// Reads lists the extensions of the files that Features reads, in lower case.
	Reads() []string
	// Present reports whether a data folder has the source's folder at all.
	Present(root string) bool
}

// Options sets how a folder is read.
type Options struct {
	// Workers is how many files are decoded at once; 0 means one for each CPU
	// that Go may use.
	Workers int
	// Progress, if set, is called for each file once it is decoded or found bad, by one
	// goroutine at a time, with done counting from 1 to total.
	Progress func(done, total int, name string)
	// Cache, if set, keeps what files gave, and gives it again while they are the
	// same.
	Cache *cache.Cache
	// Split is how Check divides the samples, to report what would be on both sides;
	// nil: a share of 0.2 with seed 42, as training does.
	Split *Split
}

// Split sets how samples are divided, see data.Split.
type Split struct {
	Share float64 // of the samples that validation gets, between 0 and 1
	Seed  uint64
}
