// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

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

// take locks the folder and gives it to this run.
func (s *session) take() (err error) {
	if s.Save != "" {
		if s.folder, err = openFolder(s.Save); err != nil {
			return err
		}
	}
	if s.folder != nil && !s.Replace && !s.continues() && Finished(s.Save) {
		return fmt.Errorf("trainer: %s holds the results of a run that has ended: choose another folder, continue that run with Run.Resume, or set Run.Replace to remove them", s.Save)
	}
	if s.OnStart != nil {
		err = s.OnStart()
	}
	return err
}

// continues reports whether the run may go on from a checkpoint in its own folder.
func (s *session) continues() bool {
	return s.Resume || s.ResumeFrom != "" && samePath(filepath.Dir(s.ResumeFrom), s.Save)
}

// resumeTogether lets the processes of a group have one beginning: what rank 0 continues from,
// or its weights. failed is why rank 0 cannot begin; then all know it, and the group can
// be used for another run.
func (s *session) resumeTogether(failed error) (here bool, err error) {
	if s.ranks == nil {
		return s.resume()
	}
	s.ranks.reseed()
	stop, err := json.Marshal(s.stop)
	if err != nil {
		return false, fmt.Errorf("trainer: Run.Stop: %w", err)
	}
	own := torch.NewDict( // with the above, what decides when processes wait for each other
		"epochs", s.Epochs, "sync_batch_norm", s.SyncBatchNorm, "save", s.Save != "", "read_every", s.ReadEvery,
		"num_sanity_val_steps", s.NumSanityValSteps, "detect_anomaly", s.DetectAnomaly, "stop", string(stop),
	)
	first, err := s.ranks.tell(0, torch.NewDict("settings", s.begun, "own", own))
	if err != nil {
		return false, fmt.Errorf("trainer: %w", err)
	}
	r := &torch.DictReader{Dict: first}
	list := append(changes(torch.Read[*torch.Dict](r, "settings"), s.begun), changes(torch.Read[*torch.Dict](r, "own"), own)...)
	if list != nil {
		return false, fmt.Errorf("trainer: rank %d has another Run than rank 0: %s", s.ranks.Rank, joined(list))
	}
	s.loaded = torch.NewDict()
	defer func() { closeTensors(s.loaded) }()
	if s.ranks.leads() && failed == nil {
		here, failed = s.resume()
	}
	told := s.loaded
	if failed != nil {
		told = torch.NewDict("error", failed.Error())
	}
	d, err := s.ranks.tell(0, told)
	if err == nil {
		defer closeTensors(d)
		var text any
		if text, s.ranks.failed = d.Get("error"); s.ranks.failed && failed == nil {
			failed = fmt.Errorf("rank 0: %v", text)
		}
	}
	if failed != nil {
		return here, failed
	}
	if err == nil && !s.ranks.leads() && d.Len() > 0 {
		err = s.proceed(d, "the checkpoint of rank 0")
	}
	if err == nil {
		err = s.ranks.begin(s.Model, s.SyncBatchNorm)
	}
	if err != nil {
		err = fmt.Errorf("trainer: %w", err)
	}
	return here, err
}

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
	if s.ranks == nil {
		defer closeTensors(d)
	}
	s.loaded = d
	return s.proceed(d, path)
}

// proceed is load for what the file at path holds.
func (s *session) proceed(d *torch.Dict, path string) error {
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
