// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

// CheckDistinct lets tests check networks that are not registered.
var CheckDistinct = checkDistinct
