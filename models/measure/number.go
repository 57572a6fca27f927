// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import (
	"encoding/json"
	"math"
)

// Number is a measure. One that is undefined, such as the correlation with a
// constant, is NaN in Go and null in JSON.
type Number float64

// Undefined stands for a measure without a value.
var Undefined = Number(math.NaN())

// Defined reports whether the measure has a value.
func (n Number) Defined() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes null where the measure is undefined.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Defined() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Undefined
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}
