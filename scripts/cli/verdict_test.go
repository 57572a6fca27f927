// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/models/runs"
)

func TestVerdict(t *testing.T) {
	better, worse := &runs.Entry{Result: runs.Result{BeatsConstant: true}}, &runs.Entry{}
	assert.Equal(t, []string{"Better than always predicting the mean: emotion, groove."},
		verdict(runs.Summary{"groove": better, "emotion": better}))
	both := verdict(runs.Summary{"emotion": better, "melody": worse, "dynamics": worse})
	assert.Equal(t, "Better than always predicting the mean: emotion.", both[0])
	assert.Equal(t, "Not better than always predicting the mean: melody, dynamics.", both[1])
	assert.Equal(t, "Not better than always predicting the mean: melody.", verdict(runs.Summary{"melody": worse})[0])
}
