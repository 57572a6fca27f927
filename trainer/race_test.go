// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build race

package trainer

func init() { plotDPI = 24 }
