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

// ResumeError says why a run cannot be continued from a checkpoint, and what else
// there is to go on from. Nothing has been changed then.
type ResumeError struct {
	Path string
	Good []Saved // other checkpoints in its folder that are whole
	// Overridable reports that with Run.Override the run could be continued.
	Overridable bool
	Err         error
}

// Error names the files to go on from, where the file itself is at fault.
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

// ErrChanged is that a checkpoint is not what was written: its hash is another
// than checkpoints.json says.
var ErrChanged = errors.New("the file has changed since it was written")

// resume continues from the file that the Run asks for, if any. here tells whether
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
		x = s.folder.index // what is damaged there has been told already
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
	if !e.knows(hash) {
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

// load continues from a file that save wrote. Settings are compared before
// anything is changed.
func (s *session) load(path string) error {
	d, err := pt.LoadDict(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("trainer: %w", err)
	case err != nil:
		return s.cannot(path, err)
	}
	defer closeTensors(d)
	state, err := s.readState(d)
	if err == nil {
		_, err = readCheckpoint(d, s.Model, s.Optimizer)
	}
	if err == nil {
		err = s.setState(state)
	}
	if err != nil {
		return &ResumeError{Path: path, Overridable: errors.As(err, new(overridable)), Err: err}
	}
	return nil
}

// readState finds the state of a run that this one may continue.
func (s *session) readState(d *torch.Dict) (*torch.Dict, error) {
	if _, ok := d.Get("etude"); !ok {
		return nil, fmt.Errorf("it has no key %q: it is a checkpoint of another program; LoadCheckpoint reads its weights", "etude")
	}
	r := &torch.DictReader{Dict: d}
	r.Dict = torch.Read[*torch.Dict](r, "etude")
	if v := torch.Read[int](r, "version"); r.Err == nil && v != stateVersion {
		return nil, fmt.Errorf("its version is %d, this program writes and reads %d", v, stateVersion)
	}
	settings := torch.Read[*torch.Dict](r, "settings")
	if r.Err != nil {
		return nil, r.Err
	}
	if v, ok := r.Dict.Get("environment"); ok {
		if was, ok := v.(*torch.Dict); ok {
			s.compareEnvironment(was)
		}
	}
	return r.Dict, s.compareSettings(settings, d)
}

// compareSettings lists all that is not as it was when the run began. An
// optimizer may also be as it was when the file was written.
func (s *session) compareSettings(saved, file *torch.Dict) error {
	var lately *torch.Dict
	if state, err := torch.Value[*torch.Dict](file, "optimizer_state_dict"); err == nil {
		lately = groupSettings(state)
	}
	var refused, overridden []string
	may := true // Override would let all of it change
	for key, now := range s.begun.All() {
		was, ok := saved.Get(key)
		if !ok || was == "" { // of an earlier version
			continue
		}
		for _, c := range changes(strings.ReplaceAll(key.(string), "_", " "), was, now) {
			group := strings.HasPrefix(c.path, optimizerGroup)
			switch {
			case group && len(refused) > 0 && strings.HasPrefix(refused[len(refused)-1], "optimizer type "):
				// another optimizer has other settings: nothing that need be told
			case group && show(setting(lately, c.path)) == show(c.now):
				groups, _ := torch.Value[*torch.Dict](now.(*torch.Dict), "group")
				set(groups, c.path, c.was)
			case s.Override && c.mayChange():
				overridden = append(overridden, c.String())
				override(file, c)
			default:
				refused = append(refused, c.String())
				may = may && c.mayChange()
			}
		}
	}
	if refused != nil {
		err := fmt.Errorf("%s; continue with what it began with, or start anew in another folder", strings.Join(refused, "; "))
		if may {
			return overridable{err}
		}
		return err
	}
	if overridden != nil {
		s.notice("%s: from here on it is another run than the one that was begun", strings.Join(overridden, "; "))
	}
	return nil
}

// overridable is a refusal that Run.Override would lift.
type overridable struct{ error }

// optimizerGroup begins the path of a setting such as "optimizer group 0 lr".
const optimizerGroup = "optimizer group "

// setting finds a setting of an optimizer by its path.
func setting(groups *torch.Dict, path string) any {
	number, key, _ := strings.Cut(strings.TrimPrefix(path, optimizerGroup), " ")
	if groups == nil {
		return nil
	}
	v, _ := groups.Get(number)
	if group, ok := v.(*torch.Dict); ok {
		v, _ = group.Get(key)
		return v
	}
	return nil
}

// set changes a setting of an optimizer by its path.
func set(groups *torch.Dict, path string, value any) {
	number, key, _ := strings.Cut(strings.TrimPrefix(path, optimizerGroup), " ")
	v, _ := groups.Get(number)
	if group, ok := v.(*torch.Dict); ok {
		group.Set(key, value)
	}
}

// override puts a changed setting of the optimizer into what is to be loaded.
func override(file *torch.Dict, c change) {
	state, err := torch.Value[*torch.Dict](file, "optimizer_state_dict")
	if err != nil || !strings.HasPrefix(c.path, optimizerGroup) {
		return
	}
	list, _ := torch.Value[[]any](state, "param_groups")
	groups := torch.NewDict()
	for i, g := range list {
		groups.Set(fmt.Sprint(i), g)
	}
	set(groups, c.path, c.now)
}

// compareEnvironment tells what may make the last bits other ones.
func (s *session) compareEnvironment(was *torch.Dict) {
	for key, now := range s.environment().All() {
		if before, ok := was.Get(key); ok && before != now {
			s.notice("%s: it was %v, is %v: the last bits may differ from those of a run without a break", key, before, now)
		}
	}
}
