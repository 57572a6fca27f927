// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/rtneural"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Each network's RTNeural file says what libtorch computes. The tolerance is the issue's:
// sums of up to 512 numbers below 1 in float32.
func TestExportRTNeural(t *testing.T) {
	torchtest.Need(t)
	recurrent := map[string]bool{"emotion": true, "melody": true}
	torch.ForkRNG(func() {
		torch.ManualSeed(1)
		for _, s := range models.All() {
			weights, file := filepath.Join(t.TempDir(), "model.pt"), filepath.Join(t.TempDir(), "model.json")
			require.NoError(t, pt.Save(weights, nn.StateDict(s.New(torch.CPU))))
			m, err := OpenModel(weights, "")
			require.NoError(t, err)
			defer m.Close()
			check, err := m.ExportRTNeural(file)
			require.NoError(t, err, s.Name)
			t.Logf("%s: within %.1e of libtorch", s.Name, float64(check.MaxAbsDiff))
			assert.Equal(t, recurrent[s.Name], check.Reset, s.Name)
			net, err := rtneural.Open(file)
			require.NoError(t, err)
			assert.Equal(t, s.Name, net.Metadata["etude.network"])
			x := torchtest.Ramp(1, s.In)
			want, err := m.Forward(t.Context(), x.Float32s())
			require.NoError(t, err)
			for i, y := range net.Forward(x.Float64s()) {
				require.InDelta(t, want[i], y, 1e-6, s.Name)
			}
		}
	})
}
