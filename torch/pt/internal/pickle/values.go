// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"fmt"
	"math/big"
)

// A decoded tree has pointers to containers, because the same one can be at several
// places, and a hostile pickle can put one into itself.
type (
	// List is a list.
	List struct{ Items []any }
	// Tuple is a tuple.
	Tuple struct{ Items []any }
	// ByteArray is a bytearray.
	ByteArray struct{ Bytes []byte }
)

// Set is a set or a frozenset, as a list of additions: a member may come twice.
type Set struct {
	Frozen bool
	Items  []any
}

// Dict is a dict or, if Ordered, a collections.OrderedDict, as a list of
// assignments: a key may come twice.
type Dict struct {
	Ordered      bool
	Keys, Values []any
	Attributes   *Dict // those that BUILD sets, if any
}

// Object represents an object of a class that is not read. It has the name of the
// class, and nothing of the content.
type Object struct{ Class string }

// String names the class.
func (o *Object) String() string { return "an object of " + o.Class }

// emptyTuple is the only tuple without items.
var emptyTuple = &Tuple{}

// Handler decides about everything that is not plain data. Any error ends the decoding.
type Handler interface {
	// Global resolves a reference to a class or function.
	Global(module, name string) (any, error)
	// Reduce calls what Global returned, or makes an object of it.
	Reduce(function any, args []any) (any, error)
	// Build sets the attributes of what Reduce returned.
	Build(object, state any) error
	// PersistentID resolves a reference to something outside the pickle.
	PersistentID(id any) (any, error)
}

// Kind names what a decoded value is in Python.
func Kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "a bool"
	case int, *big.Int:
		return "an int"
	case float64:
		return "a float"
	case complex128:
		return "a complex"
	case string:
		return "a str"
	case []byte:
		return "bytes"
	case *ByteArray:
		return "a bytearray"
	case *List:
		return "a list"
	case *Tuple:
		return "a tuple"
	case *Set:
		if v.Frozen {
			return "a frozenset"
		}
		return "a set"
	case *Dict:
		return "a dict"
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprintf("a %T", v)
}
