// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt"
)

// ResumeError reports why a run cannot be continued from a checkpoint, and from which
// others it can. Nothing has been changed then.
type ResumeError struct {
	Path string
	Good []Saved // other checkpoints in its folder that are whole
	// Overridable reports that with Run.Override the run could be continued.
	Overridable bool
	Err         error
}

// Error names the files to continue from, if the file itself is at fault.
func (e *ResumeError) Error() string {
	text := fmt.Sprintf("trainer: %s cannot be continued: %v", e.Path, e.Err)
	if e.Overridable {
		return text + "; or set Run.Override to continue with the settings of this Run"
	}
	if e.Good == nil {
		return text
	}
	return text + "; " + goodText(e.Good) + " (Run.ResumeFrom takes its path)"
}

// Unwrap returns the cause.
func (e *ResumeError) Unwrap() error { return e.Err }

// ErrChanged reports that a checkpoint's hash does not match checkpoints.json.
var ErrChanged = errors.New("the file has changed since it was written")

// resume continues from the file that the Run asks for, if any. here reports whether
// that is one in the Run's own folder.
func (s *session) resume() (here bool, err error) {
	path := s.ResumeFrom
	if path == "" {
		if !s.Resume {
			return false, nil
		}
		path = filepath.Join(s.Save, LastFile)
	}
	folder, name := filepath.Split(path)
	folder = filepath.Clean(folder)
	here = s.Save != "" && samePath(folder, s.Save)

	var x index
	if here {
		x = s.folder.index // damage to it has been reported already
	} else {
		var damaged error
		if x, damaged = readIndex(folder); damaged != nil {
			s.notice("%v; %s is continued unchecked", damaged, path)
		}
	}
	var checked error
	if e, ok := x.Files[name]; ok {
		checked = verify(path, e)
	}
	switch {
	case errors.Is(checked, fs.ErrNotExist), errors.Is(checked, ErrChanged):
		return here, s.cannot(path, checked)
	case checked != nil:
		return here, fmt.Errorf("trainer: %w", checked)
	}
	err = s.load(path)
	if errors.Is(err, fs.ErrNotExist) && s.ResumeFrom == "" {
		if len(whole(s.Save)) == 0 || s.folder.cutOff {
			return false, nil // nothing was reached yet
		}
		return here, s.cannot(path, errors.New("it is missing"))
	}
	if err != nil {
		return here, err
	}
	if s.ResumeFrom != "" && here {
		s.folder.from = name
	}
	if s.Save != "" && !here {
		s.notice("continued from %s in another folder, %s: checkpoints in %s are not ranked with this run's", path, s.Save, folder)
	}
	return here, nil
}

func samePath(a, b string) bool {
	x, err := filepath.Abs(a)
	y, err2 := filepath.Abs(b)
	return err == nil && err2 == nil && x == y
}

// verify compares a file with its entry in the index.
func verify(path string, e entry) error {
	hash, err := hashFile(path)
	if err != nil {
		return err
	}
	if e.of(hash) == nil {
		return fmt.Errorf("%w: its SHA-256 is %s…, %s says %s…; a file that was changed on purpose can be continued under another name",
			ErrChanged, hash[:12], indexName, e.SHA256[:min(12, len(e.SHA256))])
	}
	return nil
}

// cannot is the error for a file that is at fault itself: it lists others.
func (s *session) cannot(path string, err error) error {
	good := slices.DeleteFunc(whole(filepath.Dir(path)), func(g Saved) bool { return g.Name == filepath.Base(path) })
	if good == nil {
		good = []Saved{}
	}
	return &ResumeError{Path: path, Good: good, Err: err}
}

// load continues from a file that save wrote: it reads the file, compares its settings
// with this run's, decides which differences may stand, and only then changes anything.
func (s *session) load(path string) error {
	d, err := pt.LoadDict(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("trainer: %w", err)
	case err != nil:
		return s.cannot(path, err)
	}
	defer closeTensors(d)
	state, saved, err := s.readState(d)
	var p plan
	if err == nil {
		optimizer, _ := torch.Value[*torch.Dict](d, "optimizer_state_dict")
		inFile := torch.NewDict("optimizer", torch.NewDict("group", groups(optimizer)))
		p = s.decide(changes(saved, s.begun), inFile)
		if err = p.err(); err == nil {
			s.apply(p, inFile)
			_, err = readCheckpoint(d, s.Model, s.Optimizer)
		}
	}
	if err == nil {
		err = s.setState(state)
	}
	if err != nil {
		return &ResumeError{Path: path, Overridable: p.overridable(), Err: err}
	}
	return nil
}

// readState finds the state of a run that this one may continue, and its settings.
func (s *session) readState(d *torch.Dict) (state, settings *torch.Dict, err error) {
	r := &torch.DictReader{Dict: d}
	if !r.Has("etude") {
		return nil, nil, fmt.Errorf("it has no key %q: it is a checkpoint of another program; LoadCheckpoint reads its weights", "etude")
	}
	state = torch.Read[*torch.Dict](r, "etude")
	if r.Err != nil {
		return nil, nil, r.Err
	}
	r = &torch.DictReader{Dict: state}
	if v := torch.Read[int](r, "version"); r.Err == nil && v != stateVersion {
		return nil, nil, fmt.Errorf("its version is %d, this program writes and reads %d", v, stateVersion)
	}
	settings = torch.Read[*torch.Dict](r, "settings")
	if v, _ := state.Get("environment"); r.Err == nil {
		if was, ok := v.(*torch.Dict); ok {
			s.compareEnvironment(was)
		}
	}
	return state, settings, r.Err
}

// plan sorts the settings that are not as they were when the run began.
type plan struct {
	kept       []change // as they were when the file was written, so that nothing changes
	overridden []change // this Run's from now on
	refused    []change
}

// decide judges each change. An optimizer may also be as it was when the file was
// written: a scheduler changes it. inFile holds the groups of the optimizer in the file.
func (s *session) decide(list []change, inFile *torch.Dict) (p plan) {
	// Another optimizer has other settings, so its type is the only difference to report.
	other := slices.ContainsFunc(list, func(c change) bool { return c.path[0] == "optimizer" && c.key() == "type" })
	for _, c := range list {
		lately, _ := holder(inFile, c.path).Get(c.key())
		switch {
		case c.inGroup() && other:
		case c.inGroup() && fmt.Sprint(lately) == fmt.Sprint(c.now):
			p.kept = append(p.kept, c)
		case s.Override && c.mayChange():
			p.overridden = append(p.overridden, c)
		default:
			p.refused = append(p.refused, c)
		}
	}
	return p
}

// err refuses what may not change.
func (p plan) err() error {
	if p.refused == nil {
		return nil
	}
	return fmt.Errorf("%s; continue with what it began with, or start anew in another folder", joined(p.refused))
}

// overridable reports whether Run.Override would lift every refusal.
func (p plan) overridable() bool {
	return p.refused != nil && !slices.ContainsFunc(p.refused, func(c change) bool { return !c.mayChange() })
}

// apply makes the settings that are kept the run's first ones again, and puts those
// that are overridden into the groups that are loaded.
func (s *session) apply(p plan, inFile *torch.Dict) {
	for _, c := range p.kept {
		holder(s.begun, c.path).Set(c.key(), c.was)
	}
	for _, c := range p.overridden {
		if c.inGroup() {
			holder(inFile, c.path).Set(c.key(), c.now)
		}
	}
	if p.overridden != nil {
		s.notice("%s: from here on it is another run than the one that was begun", joined(p.overridden))
	}
}

func joined(list []change) string {
	texts := make([]string, len(list))
	for i, c := range list {
		texts[i] = c.String()
	}
	return strings.Join(texts, "; ")
}

// compareEnvironment notes differences in the environment that can change the last bits.
func (s *session) compareEnvironment(was *torch.Dict) {
	for key, now := range s.environment().All() {
		if before, ok := was.Get(key); ok && before != now {
			s.notice("%s: it was %v, is %v: the last bits may differ from those of a run without a break", key, before, now)
		}
	}
}
