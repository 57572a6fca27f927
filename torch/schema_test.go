// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// SchemaOf agrees with PyTorch about every operator.
func TestSchemaOf(t *testing.T) {
	torchtest.Need(t)
	type schema struct {
		Mutates, Aliases []string
		Random           bool
	}
	var known map[string]schema
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/gen_schemas.py"), &known))
	require.Greater(t, len(known), 2000)
	counts := map[string]int{}
	for name, want := range known {
		var got torch.Schema
		if err := torch.Try(func() { got = torch.SchemaOf(name) }); err != nil {
			assert.NoError(t, err)
			continue
		}
		assert.ElementsMatch(t, want.Mutates, got.Mutates, name)
		assert.ElementsMatch(t, want.Aliases, got.Aliases, name)
		assert.Equal(t, want.Random, got.Random, name)
		for key, n := range map[string]int{"mutates": len(got.Mutates), "aliases": len(got.Aliases)} {
			if n > 0 {
				counts[key]++
			}
		}
		if got.Random {
			counts["random"]++
		}
	}
	assert.Greater(t, counts["mutates"], 1000)
	assert.Greater(t, counts["aliases"], 80)
	assert.Greater(t, counts["random"], 50)
	err := torch.Try(func() { torch.SchemaOf("no_such_operator") })
	assert.ErrorContains(t, err, "has no operator of this name")
}
