// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// trainAll does the work of the command for each network, from a data folder to a run
// folder, on a device. It returns what each one transferred.
func trainAll(t *testing.T, folder, run string, epochs int, d torch.Device) map[string]torchtest.Traffic {
	t.Helper()
	traffic := map[string]torchtest.Traffic{}
	for _, s := range models.All() {
		settings := runs.Defaults(s)
		settings.Epochs, settings.BatchSize = epochs, 8
		before := torchtest.PretendTraffic()
		options := runs.Options{Data: folder, Out: run, Device: d, Threads: 1, Resume: true}
		entry, err := runs.Training{Options: options, Spec: s, Settings: settings}.Run(context.Background())
		require.NoError(t, err)
		assert.Equal(t, epochs, entry.Epochs)
		assert.LessOrEqual(t, float64(entry.ONNX.MaxAbsDiff), 1e-5)
		traffic[s.Name] = torchtest.PretendTraffic().Since(before)
	}
	return traffic
}

// From a data folder to checked files, all networks on a device: trained, continued,
// measured and exported. The weights are those of the CPU where it runs its kernels.
func TestTrainAllOnADevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	folder, cpu, there := filepath.Join(t.TempDir(), "data"), t.TempDir(), t.TempDir()
	require.NoError(t, demo.Write(context.Background(), folder, demo.Options{Seed: 1, Pieces: 6, Sections: 2}))
	trainAll(t, folder, cpu, 3, torch.CPU)
	first := trainAll(t, folder, there, 2, device)
	second := trainAll(t, folder, there, 3, device)

	var table strings.Builder
	for _, s := range models.All() {
		want, err := pt.LoadDict(filepath.Join(cpu, s.Name, "model.pt"))
		require.NoError(t, err)
		got, err := pt.LoadDict(filepath.Join(there, s.Name, "model.pt"))
		require.NoError(t, err)
		require.Equal(t, want.Keys(), got.Keys())
		if torchtest.IsPretend(device) {
			for name, v := range want.All() {
				w, _ := got.Get(name)
				assert.Equal(t, v.(*torch.Tensor).Float32s(), w.(*torch.Tensor).Float32s(), "%s: %s", s.Name, name)
			}
		}
		a, b := first[s.Name], second[s.Name]
		fmt.Fprintf(&table, "\n%-10s %6d reads, %3d copies to the host, %3d to the device; continued %6d, %3d, %3d", s.Name,
			a.Reads, a.ToHost, a.ToDevice, b.Reads, b.ToHost, b.ToDevice)
	}
	if torchtest.IsPretend(device) {
		t.Logf("2 epochs and 1, with checkpoints, measures and export:%s", table.String())
	}
}
