// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// StopReason is the reason why training ended. It is empty while training runs.
type StopReason string

// Why training ends.
const (
	StopCompleted   StopReason = "completed"   // all epochs are done
	StopPatience    StopReason = "patience"    // EarlyStopping.Patience
	StopThreshold   StopReason = "threshold"   // EarlyStopping.Threshold
	StopDivergence  StopReason = "divergence"  // EarlyStopping.Divergence
	StopNonFinite   StopReason = "non_finite"  // NaN or infinity
	StopInterrupted StopReason = "interrupted" // the context ended
	StopHook        StopReason = "hook"        // a hook returned ErrStop
	StopError       StopReason = "error"       // any other error
)

// Epoch holds one epoch's results. A value that does not apply is NaN: a validation
// loss without validation samples, an accuracy without classes.
type Epoch struct {
	Index              int // 0 for the first
	TrainLoss, ValLoss float64
	TrainAcc, ValAcc   float64 // from 0 to 1
	Seconds            float64
	LR                 float64 // in the epoch's last step
	GradNorm           float64 // mean norm of the gradients before ClipNorm limits it; 0 without it and TrackNorms
	WeightNorm         float64 // norm of all parameters at the end, with TrackNorms; else 0
	Skipped            float64 // steps that Run.Scaler left out

	// More holds the parts of the loss and the metrics by name: "f1" is training's, "val_f1"
	// validation's. nil for none.
	More map[string]float64
}

// valPrefix begins the names in Epoch.More of what was measured in validation.
const valPrefix = "val_"

// addMore adds values whose names prefix begins.
func (e *Epoch) addMore(prefix string, values map[string]float64) {
	for name, x := range values {
		if e.More == nil {
			e.More = map[string]float64{}
		}
		e.More[prefix+name] = x
	}
}

// column is one of an Epoch's values, and everything that files and texts need to know
// of it.
type column struct {
	name  string // of its list in history.json and in a checkpoint
	value func(*Epoch) *float64

	always   bool   // its list is there even without a value
	late     bool   // it came after the first version: a file may lack its list
	rare     bool   // a checkpoint, too, lacks its list without a value
	zero     bool   // 0 means that it does not apply, not NaN
	count    bool   // 0 is a value where another epoch has one
	physical bool   // it differs from one run to the next that does the same
	metric   string // its name in a checkpoint's metrics; "" for none
	text     string // its name in Epoch.String; "" for none
}

var columns = []column{
	{name: "train_losses", value: func(e *Epoch) *float64 { return &e.TrainLoss }, always: true, metric: "train_loss", text: "training loss"},
	{name: "val_losses", value: func(e *Epoch) *float64 { return &e.ValLoss }, metric: "val_loss", text: "validation loss"},
	{name: "train_accs", value: func(e *Epoch) *float64 { return &e.TrainAcc }, metric: "train_acc", text: "training accuracy"},
	{name: "val_accs", value: func(e *Epoch) *float64 { return &e.ValAcc }, metric: "val_acc", text: "validation accuracy"},
	{name: "epoch_times", value: func(e *Epoch) *float64 { return &e.Seconds }, always: true, physical: true},
	{name: "learning_rates", value: func(e *Epoch) *float64 { return &e.LR }, always: true},
	{name: "grad_norms", value: func(e *Epoch) *float64 { return &e.GradNorm }, late: true, zero: true},
	{name: "weight_norms", value: func(e *Epoch) *float64 { return &e.WeightNorm }, late: true, rare: true, zero: true},
	{name: "skipped_steps", value: func(e *Epoch) *float64 { return &e.Skipped }, late: true, rare: true, zero: true, count: true, text: "skipped steps"},
}

// of returns the column's value in an epoch; NaN where it does not apply.
func (c column) of(e Epoch) float64 {
	x := *c.value(&e)
	if c.zero && x == 0 {
		return math.NaN()
	}
	return x
}

// set is the opposite of of.
func (c column) set(e *Epoch, x float64) {
	if c.zero && math.IsNaN(x) {
		x = 0
	}
	*c.value(e) = x
}

// noEpoch stands for an epoch that is not there.
func noEpoch(i int) Epoch {
	e := Epoch{Index: i}
	for _, c := range columns {
		c.set(&e, math.NaN())
	}
	return e
}

// value returns the value that Run.Monitor calls name; false where the epoch has none.
func (e Epoch) value(name string) (x float64, ok bool) {
	switch name {
	case "loss":
		return e.TrainLoss, true
	case "val_loss":
		return e.ValLoss, true
	case "acc":
		return e.TrainAcc, !math.IsNaN(e.TrainAcc)
	case "val_acc":
		return e.ValAcc, !math.IsNaN(e.ValAcc)
	}
	x, ok = e.More[name]
	return x, ok
}

// Watched is the loss that decides which epoch is best unless Run.Monitor names another
// value: validation's, or where nothing is validated training's.
func (e Epoch) Watched() float64 {
	if math.IsNaN(e.ValLoss) {
		return e.TrainLoss
	}
	return e.ValLoss
}

// String returns a text such as "epoch 3: training loss 0.0412, validation loss 0.0523".
func (e Epoch) String() string {
	if e.Index < 0 {
		return "no epoch"
	}
	var parts []string
	for _, c := range columns {
		if x := c.of(e); c.text != "" && (c.always || !math.IsNaN(x)) {
			parts = append(parts, fmt.Sprintf("%s %.4g", c.text, x))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.More)) {
		parts = append(parts, fmt.Sprintf("%s %.4g", name, e.More[name]))
	}
	return fmt.Sprintf("epoch %d: %s", e.Index+1, strings.Join(parts, ", "))
}
