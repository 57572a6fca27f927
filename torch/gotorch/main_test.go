// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build gotorch

package gotorch_test

import (
	"testing"

	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }
