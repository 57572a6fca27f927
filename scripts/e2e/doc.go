// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package e2e tests the parts together: long trainings, the way to Python and back, the way
// of somebody who follows README.md, and the networks on the pretend accelerator.
package e2e
