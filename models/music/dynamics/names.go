// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import "slices"

// InputNames gives a short name to each of the Inputs numbers of Window.Input.
func InputNames() []string { return slices.Clone(inputNames[:]) }

// OutputNames gives a short name to each of the Outputs numbers of
// Window.Target.
func OutputNames() []string { return slices.Clone(outputNames[:]) }

var inputNames = [Inputs]string{
	"pitch_class_0", "pitch_class_1", "pitch_class_2", "pitch_class_3", "pitch_class_4", "pitch_class_5",
	"pitch_class_6", "pitch_class_7", "pitch_class_8", "pitch_class_9", "pitch_class_10", "pitch_class_11",
	"pitch_mean", "pitch_std", "pitch_min", "pitch_max",
	"note_rate", "sounding_notes",
	"ioi_p10", "ioi_p50", "ioi_p90", "ioi_std",
	"duration_mean", "duration_median", "duration_std",
	"top_interval_mean", "top_rising_share", "top_pitch_mean",
	"chord_share", "position", "top_repeat_share", "silence_share",
}

var outputNames = [Outputs]string{
	"velocity_mean", "velocity_std", "velocity_min", "velocity_max", "velocity_p10", "velocity_p50", "velocity_p90",
	"velocity_slope", "top_velocity_lead", "pitch_velocity_correlation",
	"articulation_mean", "articulation_std", "ioi_variation", "chord_spread",
	"pedal_share", "pedal_changes",
}
