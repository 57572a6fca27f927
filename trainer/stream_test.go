// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// On a stand-in for CUDA: all that a run does goes into a stream of its own, after what
// the caller's was given and before what it is given next, however the run ends; and in
// no step of it does the host wait.
func TestStandInRun(t *testing.T) {
	log := torchtest.StandIn(t)
	if log == nil {
		return
	}
	device := torch.CUDA(1)
	model := nn.NewSequential(nn.NewLinear(8, 16, device), nn.Tanh{}, nn.NewLinear(16, 4, device))
	set := &data.Set{X: torch.Randn([]int{64, 8}).To(device), Y: torch.Randn([]int{64, 4}).To(device)}
	r := Run{
		Model: model, Loss: nn.MSELoss, Optimizer: optim.NewAdam(nn.Parameters(model), optim.DefaultAdam()),
		Train: set, Val: set, Epochs: 2, BatchSize: 16, ClipNorm: 1, Save: t.TempDir(),
		AroundStep: torchtest.ForbidTransfers,
	}
	check := func(how string) {
		t.Helper()
		work := log()
		require.Greater(t, len(work), 10, how)
		first, last := work[0], work[len(work)-1]
		own := strings.TrimPrefix(first, "1 wait for default in ")
		require.Regexp(t, `^1\.\d+$`, own, how)
		for _, line := range work[:len(work)-1] {
			assert.True(t, strings.HasPrefix(line, "1 ") && strings.HasSuffix(line, " "+own), "%s: %s, not in %s", how, line, own)
		}
		assert.Equal(t, "1 wait for "+own+" in default", last, how)
	}

	log()
	_, err := r.Fit(context.Background())
	if !errors.As(err, new(*NonFiniteError)) { // kernels that do nothing leave any numbers
		require.NoError(t, err)
	}
	check("a whole run")

	r.OnProgress, r.Replace = func(Progress) { panic("in the middle") }, true
	assert.Panics(t, func() { _, _ = r.Fit(context.Background()) })
	check("a panic")
}
