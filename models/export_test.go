// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

// CheckDistinct lets tests check networks that are not registered.
var CheckDistinct = checkDistinct

// Shapes lets tests see the state dict that a row stands for.
func Shapes(s Spec) map[string][]int { return s.layout().shapes }
