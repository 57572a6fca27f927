// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/etude-ml/etude/torch/data"
)

// sampleList holds samples.json, which lists the samples on each side of the split with
// hashes, so that a run that finds other data later can name what has changed.
type sampleList struct {
	Train []sampleID `json:"train"`
	Val   []sampleID `json:"val"`
}

type sampleID struct {
	Name   string `json:"name"`
	Group  string `json:"group"`
	Input  string `json:"input"`  // the first 12 digits of the SHA-256 of its float32, little-endian
	Target string `json:"target"` // the same
}

func (s split) list() sampleList { return sampleList{identify(s.train), identify(s.val)} }

// split holds the samples of a data folder, and those of each side.
type split struct{ all, train, val *data.Samples }

func identify(s *data.Samples) []sampleID {
	list := make([]sampleID, s.Len())
	for i := range list {
		x, y := s.Row(i)
		list[i] = sampleID{s.Names[i], s.Groups[i], shortHash(x), shortHash(y)}
	}
	return list
}

func shortHash(values []float32) string {
	h := sha256.New()
	_ = binary.Write(h, binary.LittleEndian, values) // a hash takes everything
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// placed holds a sample with its side of the split.
type placed struct {
	sampleID
	val bool
}

// places lists samples by name; of several with one name, each is numbered.
func (l sampleList) places() (keys []string, at map[string]placed) {
	at = map[string]placed{}
	last := map[string]int{}
	for _, side := range []struct {
		list []sampleID
		val  bool
	}{{l.Train, false}, {l.Val, true}} {
		for _, s := range side.list {
			key := s.Name
			for {
				if _, taken := at[key]; !taken {
					break
				}
				last[s.Name] = max(last[s.Name], 1) + 1
				key = fmt.Sprintf("%s (%d)", s.Name, last[s.Name])
			}
			keys, at[key] = append(keys, key), placed{s, side.val}
		}
	}
	return keys, at
}

// changesSince describes how the samples differ from earlier ones; "" where they are
// the same.
func (l sampleList) changesSince(was sampleList) string {
	names, now := l.places()
	before, then := was.places()
	var added, gone, inputs, targets, moved []string
	for _, name := range names {
		s := now[name]
		old, known := then[name]
		switch {
		case !known:
			added = append(added, name)
		case s.Input != old.Input:
			inputs = append(inputs, name)
		case s.Target != old.Target:
			targets = append(targets, name)
		case s.val != old.val:
			moved = append(moved, name)
		}
	}
	for _, name := range before {
		if _, still := now[name]; !still {
			gone = append(gone, name)
		}
	}
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{
		{"new", added}, {"gone", gone}, {"with another content", inputs}, {"with another target", targets},
		{"on the other side of the split", moved},
	} {
		if p.names != nil {
			parts = append(parts, fmt.Sprintf("%d %s (%s)", len(p.names), p.what, some(p.names)))
		}
	}
	return strings.Join(parts, ", ")
}

// some names the first few of a list.
func some(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " …"
	}
	return strings.Join(names, ", ")
}

// groups counts the different groups of samples.
func groups(s *data.Samples) int {
	names := map[string]bool{}
	for _, g := range s.Groups {
		names[g] = true
	}
	return len(names)
}
