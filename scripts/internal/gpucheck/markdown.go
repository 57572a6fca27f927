// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Markdown is the report to be pasted into an issue: a line that sums it up, and
// tables.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Summary())
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "\n- %s", oneLine(f))
	}
	if len(r.Failures) > 0 {
		b.WriteByte('\n')
	}
	r.timingTable(&b)
	r.networkTable(&b)
	r.opTable(&b)
	r.memoryTable(&b)
	r.skips(&b)
	r.versions(&b)
	return b.String()
}

// Summary is the report in one line.
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
		all, agreed := slices.Concat(r.Networks, r.Optimizers), 0
		for _, n := range all {
			if n.OK {
				agreed++
			}
		}
		parts = append(parts, fmt.Sprintf("%d of %d trainings agree", agreed, len(all)))
	}
	on := r.Device
	if r.Versions.GPU != "" {
		on += ", " + r.Versions.GPU
	}
	if !r.Complete {
		parts = append(parts, "not everything was run: "+strings.Join(r.missing(), ", "))
	}
	return fmt.Sprintf("**%s** on %s: %s (%.0f s)", verdict, on, strings.Join(parts, "; "), r.Seconds)
}

// missing lists what was not run to its end.
func (r *Report) missing() []string {
	var list []string
	for _, p := range Parts() {
		if !slices.Contains(r.Parts, p) {
			list = append(list, string(p)+" left out")
		}
	}
	if r.Broken != "" {
		list = append(list, "the device failed")
	}
	if r.Interrupted {
		list = append(list, "interrupted")
	}
	return list
}

func (r *Report) timingTable(b *strings.Builder) {
	if len(r.Timing) == 0 {
		return
	}
	title := fmt.Sprintf("milliseconds a step, batch %d", batch)
	if r.Quick {
		title += " (quick: they say little)"
	}
	rows := [][]string{append([]string{title}, contestants...)}
	var notes []string
	for _, t := range r.Timing {
		row := []string{t.Network}
		for _, m := range t.Measures {
			cell := "-"
			switch {
			case m.Milliseconds > 0:
				cell = fmt.Sprintf("%.3f", m.Milliseconds)
			case m.Problem != "" && m.Problem != errInterrupted.Error():
				cell = "failed"
			}
			if why := m.Absent; why != "" {
				notes = append(notes, m.Name+": "+why)
			} else if m.Problem != "" && m.Problem != errInterrupted.Error() {
				notes = append(notes, m.Name+": failed: "+m.Problem)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	table(b, rows)
	list(b, notes)
}

func (r *Report) networkTable(b *strings.Builder) {
	all := slices.Concat(r.Networks, r.Optimizers)
	if len(all) == 0 {
		return
	}
	rows := [][]string{{
		"against the CPU", "optimizer", "loss, step 1", "gradients", fmt.Sprintf("losses, %d steps", trainSteps),
		"weights after (absolute)", "CUDA graph (absolute)", "repeats", "",
	}}
	for _, n := range all {
		repeats, graph, ok := "-", "-", "ok"
		if n.Repeats != nil {
			repeats = map[bool]string{true: "bit for bit", false: "no"}[*n.Repeats]
		}
		if n.Graph != nil {
			graph = small(n.Graph.Absolute)
		}
		if !n.OK {
			ok = "FAIL"
		}
		rows = append(rows, []string{
			n.Network, n.Optimizer, small(n.Loss.Relative), small(n.Gradients.Relative), small(n.Losses.Relative),
			small(n.Weights.Absolute), graph, repeats, ok,
		})
	}
	table(b, rows)
}

// opTable has a row for each kind, with its worst case: of results and of gradients,
// which may be of another kind than the results of their operator.
func (r *Report) opTable(b *strings.Builder) {
	if len(r.Ops) == 0 {
		return
	}
	rows := [][]string{{"operators", "cases", "agree", "limit (relative)", "worst forward", "of", "worst gradient", "of"}}
	for _, kind := range kinds {
		var cases, agree int
		var forward, gradient float64
		of, gradientOf := "-", "-"
		for _, o := range r.Ops {
			if o.Gradient != nil && o.GradientTolerance == kind.Tolerance() && o.Gradient.Relative > gradient {
				gradient, gradientOf = o.Gradient.Relative, o.Case
			}
			if o.Kind != kind.String() {
				continue
			}
			cases++
			if o.OK {
				agree++
			}
			if o.Forward.Relative > forward {
				forward, of = o.Forward.Relative, o.Case
			}
		}
		rows = append(rows, []string{
			kind.String(), fmt.Sprint(cases), fmt.Sprint(agree), small(kind.Tolerance()), small(forward), of, small(gradient), gradientOf,
		})
	}
	table(b, rows)
}

func (r *Report) memoryTable(b *strings.Builder) {
	if len(r.Memory) == 0 {
		return
	}
	rows := [][]string{{"memory, MiB", "allocated", "peak", "reserved", "peak reserved", "growth in steps", ""}}
	for _, m := range r.Memory {
		ok := "ok"
		if !m.OK {
			ok = "FAIL"
		}
		rows = append(rows, []string{
			m.Network, mebibytes(m.Use.Allocated), mebibytes(m.Use.PeakAllocated), mebibytes(m.Use.Reserved), mebibytes(m.Use.PeakReserved),
			fmt.Sprintf("%d bytes in %d", m.GrowthBytes, m.Steps), ok,
		})
	}
	table(b, rows)
}

// skips says why tests were skipped.
func (r *Report) skips(b *strings.Builder) {
	if r.Tests == nil {
		return
	}
	var notes []string
	for _, why := range slices.Sorted(maps.Keys(r.Tests.Reasons)) {
		notes = append(notes, fmt.Sprintf("%d skipped: %s", r.Tests.Reasons[why], why))
	}
	list(b, notes)
}

func (r *Report) versions(b *strings.Builder) {
	v := r.Versions
	parts := []string{"etude " + v.Etude, "libtorch " + v.Libtorch}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, strings.TrimSpace(name+" "+value))
		}
	}
	add("", v.GPU)
	switch {
	case v.GPUMemoryFree > 0:
		add("", fmt.Sprintf("%d of %d MiB free", v.GPUMemoryFree>>20, v.GPUMemory>>20))
	case v.GPUMemory > 0:
		add("", fmt.Sprintf("%d MiB", v.GPUMemory>>20))
	}
	add("compute capability", v.Capability)
	add("CUDA", v.CUDA)
	add("driver", v.Driver)
	add("driver's CUDA", v.DriverCUDA)
	add("cuDNN", v.CuDNN)
	add("", v.CPU)
	add("", fmt.Sprintf("%d cores, %d threads", v.Cores, v.Threads))
	add("", v.OS)
	add("", v.Go)
	add("Python", v.Python)
	add("its torch", v.Torch)
	fmt.Fprintf(b, "\n%s\n", strings.Join(parts, "; "))
}

// small writes a difference.
func small(x float64) string {
	if x == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1e", x)
}

// mebibytes writes bytes; what is not counted is 0.
func mebibytes(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", float64(n)/(1<<20))
}

// list writes each note once, as a list.
func list(b *strings.Builder, notes []string) {
	slices.Sort(notes)
	for i, n := range slices.Compact(notes) {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "- %s\n", oneLine(n))
	}
}

// table writes rows as a Markdown table whose columns are aligned, so that it can
// be read as it is.
func table(b *strings.Builder, rows [][]string) {
	b.WriteByte('\n')
	rule := make([]string, len(rows[0]))
	for i := range rule {
		rule[i] = "---"
	}
	w := tabwriter.NewWriter(b, 0, 0, 1, ' ', tabwriter.TabIndent)
	for _, row := range slices.Insert(rows, 1, rule) {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = strings.ReplaceAll(oneLine(c), "|", `\|`)
		}
		fmt.Fprintf(w, "| %s\t|\n", strings.Join(cells, "\t| "))
	}
	_ = w.Flush() // a Builder takes everything
}

// oneLine keeps a message from breaking a table.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
