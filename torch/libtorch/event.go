// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import "fmt"

// A Stage is what [Setup] is busy with.
type Stage string

// The stages, in the order in which they may come. Download and unpack come
// once for each wheel, compile once for each library.
const (
	StageWait     Stage = "wait"     // for another setup that holds the lock
	StageDownload Stage = "download" // bytes
	StageUnpack   Stage = "unpack"   // bytes
	StageCompile  Stage = "compile"  // source files
	StageDone     Stage = "done"
)

// An Event reports progress. Events come one at a time, from another goroutine
// than the one that called Setup.
type Event struct {
	Stage Stage  `json:"stage"`
	Item  string `json:"item"` // a wheel, a library, the lock's path
	// Done of Total, both 0 where nothing is counted.
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// String is a line for people: "download torch 2.15.0: 120 of 539 MB".
func (e Event) String() string {
	switch {
	case e.Stage == StageDone:
		return "done"
	case e.Stage == StageWait:
		return "waiting for another setup to finish (" + e.Item + ")"
	case e.Total == 0:
		return fmt.Sprintf("%s %s", e.Stage, e.Item)
	case e.Stage == StageCompile:
		return fmt.Sprintf("compile %s: %d of %d files", e.Item, e.Done, e.Total)
	default:
		const mb = 1e6
		return fmt.Sprintf("%s %s: %.0f of %.0f MB", e.Stage, e.Item, float64(e.Done)/mb, float64(e.Total)/mb)
	}
}
