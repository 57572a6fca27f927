// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/etude-ml/etude/trainer"
)

// mayChange lists the settings that may differ on resume.
const mayChange = "Overrides.Epochs, Overrides.Patience, Overrides.MinDelta, Options.Device and Options.Threads may change at any time, " +
	"Overrides.LR and Overrides.WeightDecay from there on"

// explain describes why a run cannot be continued: what has changed since it began, what may
// change, and which files it can go on from.
func (s *session) explain(err error) error {
	refused, ok := errors.AsType[*trainer.ResumeError](err)
	if !ok {
		return fmt.Errorf("%s: %w", s.Spec.Name, err)
	}
	text := []string{fmt.Sprintf("%s: %s cannot be continued: %v", s.Spec.Name, refused.Path, refused.Err)}
	var was sampleList
	if found, err := readJSON(s.folder().file(samplesFile), &was); err == nil && found {
		if changed := s.split.list().changesSince(was); changed != "" {
			text = append(text, "samples: "+changed)
		}
	}
	if settings := s.changedSettings(); settings != "" {
		text = append(text, "begun with "+settings+": give the same again, or leave them out")
	}
	switch {
	case len(refused.Good) > 0:
		var names []string
		for _, saved := range refused.Good {
			names = append(names, saved.String())
		}
		text = append(text, "whole, and good for Options.ResumeFrom: "+strings.Join(names, ", "))
	case refused.Good == nil:
		text = append(text, mayChange)
	default:
		text = append(text, "there is no other checkpoint to go on from; without Options.Resume training starts anew")
	}
	return explained{strings.Join(text, "\n    "), err}
}

// changedSettings lists the settings that the run was begun with and that have another
// value now, though they may not change.
func (s *session) changedSettings() string {
	was, err := loadConfig(s.folder())
	if err != nil || was == nil {
		return ""
	}
	var list []string
	for _, f := range []struct {
		name     string
		then, is any
	}{
		{"Overrides.BatchSize", was.Settings.BatchSize, s.Settings.BatchSize},
		{"Overrides.ValSplit", was.Settings.ValSplit, s.Settings.ValSplit},
		{"Overrides.Seed", was.Settings.Seed, s.Settings.Seed},
		{"Options.Data", was.Data.Root, s.config.Data.Root},
	} {
		if f.then != f.is {
			list = append(list, fmt.Sprintf("%s %v", f.name, f.then))
		}
	}
	return strings.Join(list, " ")
}

// explained is an error in other words.
type explained struct {
	text string
	err  error
}

func (e explained) Error() string { return e.text }
func (e explained) Unwrap() error { return e.err }
