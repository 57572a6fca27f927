// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bridge_test

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/internal/ctorch/bridge"
)

func TestABI(t *testing.T) {
	header, err := fs.ReadFile(bridge.Files(), "ct.h")
	require.NoError(t, err)
	assert.Contains(t, string(header), fmt.Sprintf("#define CT_ABI %d\n", bridge.ABI))
}
