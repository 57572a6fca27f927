// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package metric

import (
	"testing"

	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }
