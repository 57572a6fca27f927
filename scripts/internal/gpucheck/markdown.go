// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/etude-ml/etude/torch/torchtest/operators"
)

//go:embed report.md.tmpl
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"batch":       func() int { return batch },
	"steps":       func() int { return trainSteps },
	"is":          func(b *bool) bool { return *b },
	"contestants": func() []string { return contestants },
	"line":        func(s string) string { return strings.Join(strings.Fields(s), " ") },
	"small": func(x float64) string {
		if x == 0 {
			return "0"
		}
		return fmt.Sprintf("%.1e", x)
	},
	"mebibytes": func(n int64) string {
		if n == 0 { // it is not counted
			return "-"
		}
		return fmt.Sprintf("%.1f", float64(n)/(1<<20))
	},
}).Parse(page))

// Markdown returns the report to be pasted into an issue: a line that sums it up, and
// tables, whose columns are aligned so that the text can be read as it is.
func (r *Report) Markdown() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', tabwriter.TabIndent)
	if err := pageTemplate.Execute(w, r); err != nil {
		return fmt.Sprintf("%s\n\nthe tables could not be written: %v\n", r.Summary(), err)
	}
	_ = w.Flush() // a Builder takes everything
	return b.String()
}

// Summary returns the report in one line.
func (r *Report) Summary() string {
	verdict := "PASS"
	switch {
	case !r.Passed:
		verdict = "FAIL"
	case !r.Complete:
		verdict = "INCOMPLETE"
	}
	parts := []string{}
	if t := r.Tests; t != nil {
		parts = append(parts, fmt.Sprintf("%d tests passed, %d failed, %d skipped", t.Passed, t.Failed, t.Skipped))
	}
	if r.Ops != nil {
		agreed, all := r.ops()
		parts = append(parts, fmt.Sprintf("%d of %d operators agree with the CPU", agreed, all))
	}
	if r.Networks != nil {
		all := r.Trainings()
		failed := slices.DeleteFunc(r.Trainings(), func(n NetworkResult) bool { return n.OK })
		parts = append(parts, fmt.Sprintf("%d of %d trainings agree", len(all)-len(failed), len(all)))
	}
	if !r.Complete {
		var missing []string
		for _, p := range Parts() {
			if !slices.Contains(r.Parts, p) {
				missing = append(missing, string(p)+" left out")
			}
		}
		if r.Broken != "" {
			missing = append(missing, "the device failed")
		}
		if r.Interrupted {
			missing = append(missing, "interrupted")
		}
		parts = append(parts, "not everything was run: "+strings.Join(missing, ", "))
	}
	on := r.Device
	if r.Versions.GPU != "" {
		on += ", " + r.Versions.GPU
	}
	return fmt.Sprintf("**%s** on %s: %s (%.0f s)", verdict, on, strings.Join(parts, "; "), r.Seconds)
}

// TimingNotes says, once each, why a contestant was not measured.
func (r *Report) TimingNotes() []string {
	var notes []string
	for _, t := range r.Timing {
		for _, m := range t.Measures {
			if m.Absent != "" {
				notes = append(notes, m.Name+": "+m.Absent)
			} else if why := m.failure(); why != "" {
				notes = append(notes, m.Name+": failed: "+why)
			}
		}
	}
	slices.Sort(notes)
	return slices.Compact(notes)
}

// kindRow holds the worst cases of a kind, of results and of gradients, which may be of
// another kind than the results of their operator.
type kindRow struct {
	Kind              operators.Kind
	Cases, Agree      int
	Forward, Gradient float64
	Of, GradientOf    string
}

// Kinds returns a row for each kind if operators were checked.
func (r *Report) Kinds() (rows []kindRow) {
	if len(r.Ops) == 0 {
		return nil
	}
	for _, kind := range operators.Kinds() {
		row := kindRow{Kind: kind, Of: "-", GradientOf: "-"}
		for _, o := range r.Ops {
			if o.Gradient != nil && o.GradientTolerance == kind.Tolerance() && o.Gradient.Relative > row.Gradient {
				row.Gradient, row.GradientOf = o.Gradient.Relative, o.Case
			}
			if o.Kind != kind.String() {
				continue
			}
			row.Cases++
			if o.OK {
				row.Agree++
			}
			if o.Forward.Relative > row.Forward {
				row.Forward, row.Of = o.Forward.Relative, o.Case
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// List returns the versions that are known, in one line.
func (v Versions) List() string {
	memory := ""
	switch {
	case v.GPUMemoryFree > 0:
		memory = fmt.Sprintf("%d of %d MiB free", v.GPUMemoryFree>>20, v.GPUMemory>>20)
	case v.GPUMemory > 0:
		memory = fmt.Sprintf("%d MiB", v.GPUMemory>>20)
	}
	var parts []string
	for _, p := range [][2]string{
		{"etude ", v.Etude}, {"libtorch ", v.Libtorch}, {"", v.GPU}, {"", memory}, {"compute capability ", v.Capability},
		{"CUDA ", v.CUDA}, {"driver ", v.Driver}, {"driver's CUDA ", v.DriverCUDA}, {"cuDNN ", v.CuDNN}, {"", v.CPU},
		{"", fmt.Sprintf("%d cores, %d threads", v.Cores, v.Threads)}, {"", v.OS}, {"", v.Go}, {"Python ", v.Python}, {"its torch ", v.Torch},
	} {
		if p[1] != "" {
			parts = append(parts, p[0]+p[1])
		}
	}
	return strings.Join(parts, "; ")
}
