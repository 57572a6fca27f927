// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package image

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// The layer of gigabytes is kept as long as the program that fills it stays the
// same, which it would not with the bridge in it.
func TestDownloadDoesNotHoldTheBridge(t *testing.T) {
	header, err := os.ReadFile(filepath.Join(torchtest.Root(t), "torch/internal/ctorch/bridge/cpp/ct.h"))
	require.NoError(t, err)
	for program, holds := range map[string]bool{"download": false, "setup": true} {
		file := filepath.Join(t.TempDir(), program)
		cmd := exec.Command("go", "build", "-o", file, "./"+program)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, holds, bytes.Contains(text, header), program)
	}
}
