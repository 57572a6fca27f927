// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// See context.h: nothing of this header is needed.
#pragma once
