// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"io"

	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/scripts/internal/plain"
)

// cacheFlags holds the flags for the cache of the commands that read data folders.
type cacheFlags struct {
	Cache   string `placeholder:"DIR" help:"Folder in which the features of files are kept ($ETUDE_CACHE, or the user's cache folder)."`
	NoCache bool   `help:"Decode every file anew, and keep nothing."`
}

// open opens the cache; nil with --no-cache. Failing to open it only costs time: warn and
// continue without it. done reports what was in the cache, and closes it.
func (c cacheFlags) open(env *Env) (kept *cache.Cache, done func()) {
	if c.NoCache {
		return nil, func() {}
	}
	kept, err := cache.Open(c.folder())
	if err != nil {
		env.say("features are not kept: %v", err)
		return nil, func() {}
	}
	return kept, func() {
		if s := kept.Stats(); s.Hits > 0 && !env.follows {
			env.say("features of %s were in the cache and %d %s not",
				count(int(s.Hits), "file"), s.Misses, map[bool]string{true: "was", false: "were"}[s.Misses == 1])
		}
		if fault := kept.Stats().Fault; fault != "" {
			env.say("features are not kept any more: %s", fault)
		}
		_ = kept.Close() // what was not kept is decoded again
	}
}

func (c cacheFlags) folder() string {
	if c.Cache != "" {
		return c.Cache
	}
	return cache.Default()
}

type cacheCommand struct {
	Clear bool   `help:"Remove all that is kept."`
	Cache string `placeholder:"DIR" help:"The cache's folder ($ETUDE_CACHE, or the user's cache folder)."`
	JSON  bool   `name:"json" help:"Print what is kept as one JSON value."`
}

func (cacheCommand) Help() string {
	return `Prints where the features of decoded files are kept, how many there are and how much room they take, or removes them with --clear. A file is found again by its content, wherever it lies; features that a newer version of Etude computes in another way are decoded anew. The cache holds 1 GiB at most, and removes first what has not been used for longest.

Examples:

    etude cache
    etude cache --clear`
}

// cached holds the output of --json.
type cached struct {
	Folder  string `json:"folder"`
	Entries int    `json:"entries"`
	Bytes   int64  `json:"bytes"`
	Cleared bool   `json:"cleared"`
}

// Run shows or clears the cache.
func (c *cacheCommand) Run(env *Env) error {
	result := cached{Folder: cacheFlags{Cache: c.Cache}.folder(), Cleared: c.Clear}
	kept, err := cache.Open(result.Folder)
	if err != nil {
		return err
	}
	defer func() { _ = kept.Close() }() // nothing is kept here
	if result.Entries, result.Bytes, err = kept.Size(); err != nil {
		return err
	}
	if c.Clear {
		if err := kept.Clear(); err != nil {
			return err
		}
	}
	return env.result(c.JSON, result, func(w io.Writer) {
		what := "holds"
		if c.Clear {
			what = "is empty now; it held"
		}
		plain.Fprintf(w, "%s %s the features of %s, %.1f MB\n", result.Folder, what, count(result.Entries, "file"), float64(result.Bytes)/1e6)
	}, true)
}
