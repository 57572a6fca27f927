// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

// Size is a torch.Size: a tuple of sizes that prints as such in Python.
type Size []int

// Set is a Python set, in the order of the file. What it holds can be hashed in
// Python: numbers, texts, bytes, nil, tuples and frozensets of these.
type Set []any

// FrozenSet is a Python frozenset. torch.load(weights_only=True) refuses them.
type FrozenSet []any

// ByteArray is a Python bytearray.
type ByteArray []byte
