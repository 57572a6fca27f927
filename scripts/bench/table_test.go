// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// table collects what the benchmarks measure, for one table at the end of the run.
var table strings.Builder

func TestMain(m *testing.M) {
	before := load()
	m.Run()
	if table.Len() > 0 {
		fmt.Printf("\n%d processors, load average %s at the start and %s at the end.\n%s", runtime.NumCPU(), before, load(), &table)
	}
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

// section adds rows below a title; each has a name and cells. Notes follow.
func section(title string, rows [][]string, notes ...string) {
	fmt.Fprintf(&table, "\n%s\n", title)
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	for _, note := range notes {
		fmt.Fprintln(&table, "  "+note)
	}
}

// spread returns the median with the least and the most.
func spread(values []float64, format string) string {
	if len(values) == 0 {
		return "-"
	}
	s := slices.Sorted(slices.Values(values))
	return fmt.Sprintf(format+" ("+format+"–"+format+")", s[len(s)/2], s[0], s[len(s)-1])
}

// ratios divides the values of each round by those of another contestant in that round.
func ratios(values, by []float64) (list []float64) {
	for i, v := range values[:min(len(values), len(by))] {
		list = append(list, v/by[i])
	}
	return list
}
