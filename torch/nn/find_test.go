// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch/nn"
)

func TestFindState(t *testing.T) {
	want := map[string][]int{"fc1.weight": {2, 3}, "fc1.bias": {2}}
	under := func(prefixes ...string) map[string][]int {
		file := map[string][]int{}
		for _, p := range prefixes {
			for name, shape := range want {
				file[p+name] = shape
			}
		}
		return file
	}
	for _, prefixes := range [][]string{
		{""}, {"module."}, {"_orig_mod."}, {"state_dict.model."}, {"ema."}, {"a.b.c."}, {"model_state_dict.module._orig_mod."},
		{"model_state_dict.", "state_dict_ema."}, {"state_dict.net.", "state_dict.ema_model."}, {"generator.", "ema."}, {"a.", "bb."},
	} {
		file := under(prefixes...)
		file["optimizer.state.0.exp_avg"] = []int{2, 3}
		file["n_averaged"] = nil
		if prefixes[0] == "" { // at the root there is no beside
			assert.Empty(t, nn.FindState(file, want))
			file = under("")
		}
		assert.Equal(t, prefixes, nn.FindState(file, want))
	}

	wrong := under("module.")
	wrong["module.fc1.bias"] = []int{3}
	assert.Empty(t, nn.FindState(wrong, want), "another shape")
	delete(wrong, "module.fc1.bias")
	assert.Empty(t, nn.FindState(wrong, want), "one is missing")
	more := under("module.")
	more["module.fc2.bias"] = []int{3}
	assert.Empty(t, nn.FindState(more, want), "a network with more layers")
	glued := under("x") // xfc1.weight
	assert.Empty(t, nn.FindState(glued, want), "another name that ends alike")
	assert.Empty(t, nn.FindState(under("a."), nil))
}
