// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import "fmt"

// Size is a torch.Size: a tuple of sizes that prints as such in Python.
type Size []int

// Set is a Python set, in the order of the file. Its members can be hashed in Python:
// numbers, texts, bytes, nil, tuples and frozensets of these.
type Set []any

// FrozenSet is a Python frozenset. torch.load(weights_only=True) refuses them.
type FrozenSet []any

// ByteArray is a Python bytearray.
type ByteArray []byte

// Object represents a Python object or class that is not read. It has the name of the
// class, and nothing of the content; see [LoadOptions].
type Object struct{ Class string }

// String names the class.
func (o *Object) String() string { return "a Python object of " + o.Class }

// DictKey lets a Size be a key of a [torch.Dict].
func (s Size) DictKey() string { return fmt.Sprint([]int(s)) }

// DictKey lets a FrozenSet be a key of a [torch.Dict].
func (s FrozenSet) DictKey() string { return fmt.Sprintf("%#v", []any(s)) }

// DictKey lets an Object be a key of a [torch.Dict]; each is a key of its own.
func (o *Object) DictKey() string { return fmt.Sprintf("%p", o) }
