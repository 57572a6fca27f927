// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

import "strings"

// lasting lists the errors after which CUDA refuses everything in the process, by CUDA's
// names for them, with their causes.
var lasting = []struct{ name, cause string }{
	{"device-side assert triggered", "a class or an index is out of range, or a probability is NaN or not in [0, 1]"},
	{"an illegal memory access was encountered", ""},
	{"an illegal instruction was encountered", ""},
	{"misaligned address", ""},
	{"unspecified launch failure", ""},
	{"uncorrectable ECC error encountered", "the GPU's memory is damaged"},
	{"the launch timed out and was terminated", "the GPU also serves a display, or hangs"},
}

// cudaText returns the text of an error of libtorch's. If CUDA failed, it is one line
// that says what to do: libtorch's own is advice for authors of kernels, and speaks of a
// stack trace that is not shown.
func cudaText(text string) string {
	if strings.HasPrefix(text, "CUDA out of memory.") {
		text, _, _ = strings.Cut(text, "  See documentation for Memory Management")
		return strings.TrimSuffix(strings.TrimSpace(text), ".") + ". A smaller batch needs less"
	}
	if !strings.HasPrefix(text, "CUDA error: ") {
		return text
	}
	text, _, _ = strings.Cut(text, "\n")
	if strings.Contains(text, "no kernel image is available") {
		return text + ": this libtorch is not made for a GPU of this compute capability; --device cpu goes without"
	}
	for _, l := range lasting {
		if strings.Contains(text, l.name) {
			if l.cause != "" {
				text += ": " + l.cause
			}
			return text + ". An operator before this one may be at fault: CUDA_LAUNCH_BLOCKING=1 names it. " +
				"Nothing on the GPU can be used by this process any more; what was saved can be continued by another"
		}
	}
	return text
}
