// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Plain code for the operators of a recorded step.

#include "plan.h"

namespace etude::record {

std::unique_ptr<Lowered> lower(Plan&) { return nullptr; }

}  // namespace etude::record
