// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package image holds the programs that Dockerfile.cuda is built with, and the
// tests of the images that come out: `make image-test`.
package image
