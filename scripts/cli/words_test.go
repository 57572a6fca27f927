// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/models/runs"
)

// A library names its fields, and the command the flags that set them.
func TestFieldsBecomeFlags(t *testing.T) {
	for text, want := range map[string]string{
		"give Options.ResumeFrom or Overrides.LR":                                                     "give --resume-from or --lr",
		"Overrides.MinDelta, Overrides.KeepBest is -1":                                                "--min-delta, --keep-best is -1",
		"dataset.Validate lists them":                                                                 "etude validate lists them",
		"the loss is NaN: its origin is not known; Run.DetectAnomaly finds it; a lower rate may help": "the loss is NaN: its origin is not known; a lower rate may help",
		"OptionsX.Data, Options of Overrides.":                                                        "OptionsX.Data, Options of Overrides.",
	} {
		assert.Equal(t, want, withFlags(text))
		assert.EqualError(t, sentence(errors.New(text)), want)
	}
	parser, err := newParser(new(Env))
	assert.NoError(t, err)
	flags := map[string]bool{}
	for _, command := range parser.Model.Leaves(true) {
		for _, flag := range command.Flags {
			flags["--"+flag.Name] = true
		}
	}
	negative, zero := -1, 0.0
	for _, o := range []runs.Overrides{
		{Epochs: &negative}, {BatchSize: &negative}, {Patience: &negative}, {KeepBest: &negative},
		{LR: &zero}, {ValSplit: &zero},
	} {
		flag, _, _ := strings.Cut(withFlags(o.Check().Error()), " ")
		assert.True(t, flags[flag], flag)
	}
}
