// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/etude-ml/etude/trainer"
)

// mayChange lists the flags that may differ on resume.
const mayChange = "--epochs, --patience, --min-delta, --device and --threads may change at any time, --lr and --weight-decay from there on"

// explain puts the reason why a run cannot be continued into the words of the command:
// what has changed since it began, what may change, and which files it can go on from.
func (s *session) explain(err error) error {
	refused, ok := errors.AsType[*trainer.ResumeError](err)
	if !ok {
		return fmt.Errorf("%s: %w", s.Spec.Name, err)
	}
	text := []string{fmt.Sprintf("%s: %s cannot be continued: %v", s.Spec.Name, refused.Path, refused.Err)}
	var was sampleList
	if found, err := readJSON(s.folder().samples(), &was); err == nil && found {
		if changed := s.split.list().changesSince(was); changed != "" {
			text = append(text, "samples: "+changed)
		}
	}
	if flags := s.changedFlags(); flags != "" {
		text = append(text, "begun with "+flags+": give the same again, or leave the flags out")
	}
	switch {
	case len(refused.Good) > 0:
		var names []string
		for _, saved := range refused.Good {
			names = append(names, saved.String())
		}
		text = append(text, "whole, and good for --resume-from: "+strings.Join(names, ", "))
	case refused.Good == nil:
		text = append(text, mayChange)
	default:
		text = append(text, "there is no other checkpoint to go on from; without --resume training starts anew")
	}
	return explained{strings.Join(text, "\n    "), err}
}

// changedFlags lists the flags that the run was begun with and that have another value
// now, though they may not change.
func (s *session) changedFlags() string {
	was, err := loadConfig(s.folder())
	if err != nil || was == nil {
		return ""
	}
	var list []string
	for _, f := range []struct {
		flag     string
		then, is any
	}{
		{"--batch-size", was.Settings.BatchSize, s.Settings.BatchSize},
		{"--val-split", was.Settings.ValSplit, s.Settings.ValSplit},
		{"--seed", was.Settings.Seed, s.Settings.Seed},
		{"--data", was.Data.Root, s.config.Data.Root},
	} {
		if f.then != f.is {
			list = append(list, fmt.Sprintf("%s %v", f.flag, f.then))
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
