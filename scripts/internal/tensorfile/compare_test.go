// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch/inspect"
)

func TestCompareElements(t *testing.T) {
	i16, _ := inspect.ElementOf("int16")
	b, _ := inspect.ElementOf("uint8")
	d := compareElements([]byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0}, []byte{1, 0, 2, 0, 3, 0, 4, 0, 0xfb, 0xff, 6, 0}, i16, i16, true, []int{2, 3})
	assert.Equal(t, &ElementDiff{Count: 6, Differ: 1, MaxAbsDiff: 10, At: []int{1, 1}}, d)
	d = compareElements([]byte{1, 0, 2, 0}, []byte{1, 2}, i16, b, false, []int{2})
	assert.Equal(t, &ElementDiff{Count: 2}, d, "other types, the same values")

	f, _ := inspect.ElementOf("float16")
	nan, inf, one := []byte{0, 0x7e}, []byte{0, 0x7c}, []byte{0, 0x3c}
	assert.Equal(t, &ElementDiff{Count: 1}, compareElements(nan, nan, f, f, true, nil), "the same bits")
	assert.Equal(t, &ElementDiff{Count: 1, Differ: 1, NonFinite: 1}, compareElements(nan, one, f, f, true, nil))
	assert.Equal(t, &ElementDiff{Count: 1, Differ: 1, NonFinite: 1}, compareElements(inf, one, f, f, true, nil))
	assert.Equal(t, &ElementDiff{Count: 1, Differ: 1, At: []int{}}, compareElements([]byte{0, 0}, []byte{0, 0x80}, f, f, true, nil), "minus zero")
	assert.Equal(t, &ElementDiff{Count: 0}, compareElements(nil, nil, f, f, true, []int{0, 3}))
}
