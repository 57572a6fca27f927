// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/runs"
)

// notWord matches what the name of a metric may not hold for Katib.
var notWord = regexp.MustCompile(`\W+`)

// pairs is a line of --metrics.
type pairs []string

// add adds a pair, unless the value is undefined: not every program reads "nan".
func (p *pairs) add(name string, x measure.Number) {
	if x.Defined() {
		*p = append(*p, fmt.Sprintf("%s=%v", notWord.ReplaceAllString(name, "_"), float64(x)))
	}
}

// print writes the line with one call, as what reads it may wait for each.
func (p pairs) print(w io.Writer) { _, _ = io.WriteString(w, strings.Join(p, " ")+"\n") } // the writer keeps its error

// printEpoch writes the losses of an epoch, which are numbered from 1.
func printEpoch(w io.Writer, e runs.Event) {
	p := pairs{fmt.Sprintf("epoch=%d", e.Done)}
	p.add("train_loss", measure.Number(e.Epoch.TrainLoss))
	p.add("val_loss", measure.Number(e.Epoch.ValLoss))
	p.print(w)
}

// printResult writes what came out of the one network of a summary.
func printResult(w io.Writer, s runs.Summary) {
	for _, e := range s {
		p := pairs{fmt.Sprintf("epochs=%d", e.Epochs), fmt.Sprintf("best_epoch=%d", e.BestEpoch+1)}
		p.add("val_loss", e.ValLoss)
		p.add("constant_loss", e.ConstantLoss)
		for _, name := range slices.Sorted(maps.Keys(e.Headlines)) {
			p.add(name, e.Headlines[name].Value)
		}
		p.print(w)
	}
}
