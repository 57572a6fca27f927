// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bench

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

func TestMain(m *testing.M) {
	started := load()
	m.Run()
	if flag.Lookup("test.bench").Value.String() != "" {
		fmt.Printf("%d processors, load average %s at the start and %s at the end.\n", runtime.NumCPU(), started, load())
	}
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

// section prints a part of the table, rows of a name and cells below a title, and notes. An
// interrupted run has printed what it measured.
func section(title string, rows [][]string, notes ...string) {
	fmt.Printf("\n\n%s (load average %s)\n", title, load())
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	for _, note := range notes {
		fmt.Println("  " + note)
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
