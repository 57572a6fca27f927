// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/measure"
)

// Sweep lists the runs of networks that are trained several times: once for each seed with
// each combination of settings. Each run is one as [Plan] makes it, with the bits that it
// has alone, in a run folder of its own:
//
//	RUN/seed-3/NETWORK                 without a grid
//	RUN/lr=0.001,batch-size=32/seed-3/NETWORK
//	RUN/lr=0.001,batch-size=32/NETWORK without seeds
//	RUN/sweep.json                     the sweep and its results, see [SweepSummary]
type Sweep struct {
	Seeds []uint64 `json:"seeds,omitempty"`
	Grid  []Axis   `json:"grid,omitempty"`
}

// Axis names a setting and the values that a sweep gives it.
type Axis struct {
	Name   string   `json:"name"` // of the flag, such as "lr" or "batch-size"
	Values []string `json:"values"`
}

// SweepSummary holds sweep.json, the results of a sweep, also of networks that were trained
// by another call with the same seeds and settings.
type SweepSummary struct {
	Sweep
	Combinations []Combination `json:"combinations"`
}

// Combination holds the results of one network with one combination of settings.
type Combination struct {
	Network  string             `json:"network"`
	Settings map[string]float64 `json:"settings"` // of the grid, by name
	// Measures has the losses, the epochs and the measures that a summary shows first, each
	// over the runs in which it is defined.
	Measures map[string]Spread `json:"measures"`
	Runs     []SweepRun        `json:"runs"`
}

// Spread describes how a measure varies over N runs. Std is the sample standard deviation,
// with the divisor N-1; it is undefined for one run.
type Spread struct {
	N    int            `json:"n"`
	Mean measure.Number `json:"mean"`
	Std  measure.Number `json:"std"`
}

// SweepRun holds what came out of one run. One that is not done has an error, or had
// not ended when the sweep was interrupted.
type SweepRun struct {
	Seed    uint64 `json:"seed"`
	Folder  string `json:"folder"` // of the network, from RUN
	Done    bool   `json:"done"`
	Error   string `json:"error,omitempty"`
	*Result        // nil unless it is done
}

// mostRuns limits the runs of a sweep: each has a folder, and 0-4000000000 is a mistake in typing.
const mostRuns = 10_000

// SweepFile names the file of a sweep's results.
func SweepFile(run string) string { return filepath.Join(run, sweepFile) }

// LoadSweep returns the sweep that a run folder holds, and false if it holds none. That the
// folder holds a run beside it is an error, as either could be meant.
func LoadSweep(run string) (w Sweep, found bool, err error) {
	found, err = readJSON(SweepFile(run), &w)
	for _, network := range models.Names() {
		if found && newFolder(run, network).hasCheckpoint() {
			return w, found, fmt.Errorf("%s holds a sweep, and a run of %s beside it: name Sweep.Seeds and Sweep.Grid to continue the sweep, or remove %s to continue the run", run, network, SweepFile(run))
		}
	}
	return w, found, err
}

// ParseSweep reads a list of seeds and ranges, such as "0-31" or "1,4,9", or "" for none, and
// settings with their values, such as "lr=1e-3,3e-4".
func ParseSweep(seeds string, grid []string) (w Sweep, err error) {
	if seeds != "" {
		if w.Seeds, err = parseSeeds(seeds); err != nil {
			return w, err
		}
	}
	for _, text := range grid {
		name, list, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return w, fmt.Errorf("Sweep.Grid is %q; it must be a setting with its values, such as lr=1e-3,3e-4", text)
		}
		w.Grid = append(w.Grid, Axis{name, strings.Split(list, ",")})
	}
	return w, nil
}

func parseSeeds(text string) (seeds []uint64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.ParseUint(first, 10, 64)
		to := from
		if err == nil && isRange {
			to, err = strconv.ParseUint(last, 10, 64)
		}
		switch {
		case err != nil || to < from:
			return nil, fmt.Errorf("Sweep.Seeds is %q; it must be a range or a list of whole numbers, such as 0-31 or 1,4,9", text)
		case to-from >= mostRuns:
			return nil, fmt.Errorf("Sweep.Seeds is %q; a sweep has %d runs at most", text, mostRuns)
		}
		for i := range to - from + 1 {
			seeds = append(seeds, from+i)
		}
	}
	return seeds, nil
}

// Check reports the first thing that is wrong with a sweep of these settings.
func (w Sweep) Check(settings Overrides) error {
	_, err := w.variants(settings)
	return err
}

// variant is one run of each network of a sweep.
type variant struct {
	name     string // its folder
	settings Overrides
	grid     map[string]float64 // the settings of the grid
}

// variants lists the runs, the seeds of one combination after the other.
func (w Sweep) variants(settings Overrides) ([]variant, error) {
	list := []variant{{settings: settings, grid: map[string]float64{}}}
	for _, axis := range w.Grid {
		if len(axis.Values) == 0 {
			return nil, fmt.Errorf("Sweep.Grid %s has no values; give it some", axis.Name)
		}
		var next []variant
		for _, v := range list {
			for _, value := range axis.Values {
				with, err := v.with(axis.Name, value)
				if err != nil {
					return nil, fmt.Errorf("Sweep.Grid %s=%s: %w", axis.Name, value, err)
				}
				next = append(next, with)
			}
		}
		if list = next; len(list)*max(1, len(w.Seeds)) > mostRuns {
			break
		}
	}
	switch {
	case settings.Seed != nil && len(w.Seeds) > 0:
		return nil, errors.New("Overrides.Seed and Sweep.Seeds set the same; give one of them")
	case len(list)*max(1, len(w.Seeds)) > mostRuns:
		return nil, fmt.Errorf("Sweep.Seeds and Sweep.Grid make more than %d runs; leave out some", mostRuns)
	}
	if len(w.Seeds) > 0 {
		var next []variant
		for _, v := range list {
			for _, seed := range w.Seeds {
				v := variant{filepath.Join(v.name, fmt.Sprintf("seed-%d", seed)), v.settings, v.grid}
				v.settings.Seed = &seed
				next = append(next, v)
			}
		}
		list = next
	}
	seen := map[string]bool{}
	for _, v := range list {
		if seen[v.name] {
			return nil, fmt.Errorf("Sweep.Seeds or Sweep.Grid gives %s twice; leave out one of the two", v.name)
		}
		seen[v.name] = true
	}
	return list, nil
}

// with returns the variant with one more setting.
func (v variant) with(name, text string) (variant, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return v, errors.New("the value is no number; list numbers, as in lr=1e-3,3e-4")
	}
	field := reflect.ValueOf(&v.settings).Elem().FieldByNameFunc(func(field string) bool {
		return strings.EqualFold(field, strings.ReplaceAll(name, "-", "")) && field != "Seed"
	})
	switch {
	case !field.IsValid():
		return v, errors.New("there is no such setting; a grid takes epochs, batch-size, lr, weight-decay, val-split, patience, min-delta and keep-best")
	case !field.IsNil():
		return v, fmt.Errorf("%s is given elsewhere too; give it once", name)
	}
	value := reflect.New(field.Type().Elem())
	if value.Elem().CanInt() && (x != math.Trunc(x) || math.Abs(x) > math.MaxInt32) {
		return v, errors.New("the value must be a whole number")
	}
	value.Elem().Set(reflect.ValueOf(x).Convert(value.Elem().Type()))
	field.Set(value)
	v.name = strings.TrimPrefix(v.name+","+name+"="+strconv.FormatFloat(x, 'g', -1, 64), ",")
	v.grid = maps.Clone(v.grid)
	v.grid[name] = x
	return v, v.settings.Check()
}

// Run trains the networks of each run of the sweep, named as [Select] takes them, side by
// side, and reads the data of each network once. A run that fails does not end the others;
// the error names it. With [Options.Resume], runs that have ended are kept as they are, and
// the others continued or begun. The summary holds what came out, also after an interrupt.
func (w Sweep) Run(ctx context.Context, o Options, settings Overrides, networks ...string) (*SweepSummary, error) {
	if o.Group != nil && o.Group.Size > 1 {
		return nil, errors.New("a sweep is for one process: its runs are trained side by side")
	}
	variants, err := w.variants(settings)
	if err != nil {
		return nil, err
	}
	plan := &Plan{}
	var all []Training // also those that could not be planned
	grids := map[string]map[string]float64{}
	errs := map[string]error{} // of those that are done, by name
	planning := o
	// A network that cannot be planned is reported below, with the name of its run.
	planning.OnEvent = func(e Event) {
		if e.Stage == Notice {
			o.report(e)
		}
	}
	if o.Resume {
		planning.others = begun(o.Out, variants)
	}
	for _, v := range variants {
		grids[v.name], planning.Out = v.grid, filepath.Join(o.Out, v.name)
		p, err := NewPlan(planning, v.settings, networks...)
		if err != nil {
			return nil, err
		}
		planning.OnEvent = nil // what is passed over is reported once
		for _, f := range p.failed {
			f.Training.OnEvent, f.Training.variant = o.OnEvent, v.name
			plan.fail(f.Training, f.err, len(variants)*(len(p.Trainings)+len(p.failed)))
			errs[f.name()] = f.err
			all = append(all, f.Training)
		}
		for _, t := range p.Trainings {
			t.OnEvent, t.variant = o.OnEvent, v.name
			plan.Trainings = append(plan.Trainings, t)
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b Training) int { return cmp.Compare(a.Spec.Name, b.Spec.Name) })
	// record brings sweep.json up to date, in which another process may note other networks.
	record := func() (*SweepSummary, error) {
		unlock, err := lockRun(o.Out)
		if err != nil {
			return nil, err
		}
		defer unlock()
		s := &SweepSummary{}
		if _, err := readJSON(SweepFile(o.Out), s); err != nil {
			return nil, err
		}
		if !reflect.DeepEqual(s.Sweep, w) {
			s = &SweepSummary{Sweep: w, Combinations: []Combination{}}
		}
		s.Combinations = slices.DeleteFunc(s.Combinations, func(c Combination) bool {
			return slices.ContainsFunc(all, func(t Training) bool { return t.Spec.Name == c.Network })
		})
		for _, t := range all {
			last := len(s.Combinations) - 1
			if last < 0 || s.Combinations[last].Network != t.Spec.Name || !maps.Equal(s.Combinations[last].Settings, grids[t.variant]) {
				s.Combinations = append(s.Combinations, Combination{Network: t.Spec.Name, Settings: grids[t.variant]})
				last++
			}
			err, done := errs[t.name()]
			s.Combinations[last].Runs = append(s.Combinations[last].Runs, t.sweepRun(done, err))
		}
		for i := range s.Combinations {
			s.Combinations[i].measure()
		}
		return s, writeJSON(SweepFile(o.Out), s)
	}
	// Before the training, too: LoadSweep continues it, and what is trained again has no results.
	if err := os.MkdirAll(o.Out, 0o777); err != nil {
		return nil, err
	}
	if _, err := record(); err != nil {
		return nil, err
	}
	failed := plan.run(ctx, func(t Training, _ *Entry, err error) { errs[t.name()] = err })
	s, err := record()
	return s, errors.Join(failed, err)
}

// begun returns, by network, the folder of the first run of it that a sweep has begun.
func begun(out string, variants []variant) map[string]folder {
	list := map[string]folder{}
	for _, network := range models.Names() {
		for _, v := range variants {
			if f := newFolder(filepath.Join(out, v.name), network); isFile(f.file(configFile)) {
				list[network] = f
				break
			}
		}
	}
	return list
}

// sweepRun reads what came out of a run.
func (t Training) sweepRun(done bool, err error) SweepRun {
	r := SweepRun{Seed: t.Settings.Seed, Folder: filepath.Join(t.variant, t.Spec.Name)}
	if done && err == nil {
		var result Result
		if r.Done, err = readJSON(t.folder().file(summaryFile), &result); r.Done {
			r.Result = &result
		}
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// measure computes the spreads over the runs.
func (c *Combination) measure() {
	values := map[string][]float64{}
	add := func(name string, x measure.Number) {
		if x.Defined() {
			values[name] = append(values[name], float64(x))
		}
	}
	for _, r := range c.Runs {
		if r.Done {
			add("val_loss", r.ValLoss)
			add("constant_loss", r.ConstantLoss)
			add("epochs", measure.Number(r.Epochs))
			for name, h := range r.Headlines {
				add(name, h.Value)
			}
		}
	}
	c.Measures = map[string]Spread{}
	for name, list := range values {
		mean, std := stat.MeanStdDev(list, nil)
		c.Measures[name] = Spread{len(list), measure.Number(mean), measure.Number(std)}
	}
}
