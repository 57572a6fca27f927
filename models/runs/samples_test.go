// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch/data"
)

func TestChangesSince(t *testing.T) {
	list := func(train, val []string, x, y map[string]float32) sampleList {
		samples := func(names []string) *data.Samples {
			s := &data.Samples{}
			for _, name := range names {
				s.Append(name, name, []float32{1, x[name]}, []float32{y[name]})
			}
			return s
		}
		return split{train: samples(train), val: samples(val)}.list()
	}
	was := list([]string{"a", "b", "c", "c"}, []string{"d"}, nil, nil)
	assert.Len(t, was.Train[0].Input, 12)
	assert.Empty(t, was.changesSince(was))
	assert.Equal(t, "1 new (e)", list([]string{"a", "b", "c", "c", "e"}, []string{"d"}, nil, nil).changesSince(was))
	assert.Equal(t, "1 gone (c (2))", list([]string{"a", "b", "c"}, []string{"d"}, nil, nil).changesSince(was))
	assert.Equal(t, "1 with another content (a), 1 with another target (d), 1 on the other side of the split (b)",
		list([]string{"a", "c", "c"}, []string{"b", "d"}, map[string]float32{"a": 5}, map[string]float32{"d": 5}).changesSince(was))
	assert.Equal(t, "5 gone (a, b, c …)", sampleList{}.changesSince(was))
}
