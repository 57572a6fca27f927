// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
)

// StopReason tells why training ended. Empty: it has not.
type StopReason string

// Why training ends.
const (
	StopCompleted   StopReason = "completed"   // all epochs are done
	StopPatience    StopReason = "patience"    // EarlyStopping.Patience
	StopThreshold   StopReason = "threshold"   // EarlyStopping.Threshold
	StopDivergence  StopReason = "divergence"  // EarlyStopping.Divergence
	StopNonFinite   StopReason = "non_finite"  // NaN or infinity
	StopInterrupted StopReason = "interrupted" // the context ended
	StopHook        StopReason = "hook"        // OnEpoch returned ErrStop
	StopError       StopReason = "error"       // whatever else went wrong
)

// Epoch is what one epoch came to. What there is none of is NaN: a validation
// loss without validation samples, an accuracy without classes.
type Epoch struct {
	Index              int // 0 for the first
	TrainLoss, ValLoss float64
	TrainAcc, ValAcc   float64 // from 0 to 1
	Seconds            float64
	LR                 float64 // in the epoch's last step
	GradNorm           float64 // mean norm of the gradients before they are clipped; 0 where nothing is
}

// Watched is the loss that decides which epoch is best: validation's, or where
// nothing is validated training's.
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
	var b strings.Builder
	fmt.Fprintf(&b, "epoch %d: training loss %.4g", e.Index+1, e.TrainLoss)
	for _, v := range []struct {
		name  string
		value float64
	}{{"validation loss", e.ValLoss}, {"training accuracy", e.TrainAcc}, {"validation accuracy", e.ValAcc}} {
		if !math.IsNaN(v.value) {
			fmt.Fprintf(&b, ", %s %.4g", v.name, v.value)
		}
	}
	return b.String()
}

// History holds the measures of each epoch, as lists by epoch. A list of which
// there is nothing (accuracies without classes) is nil, null in JSON. Make one
// with [NewHistory].
type History struct {
	TrainLosses   []float64
	ValLosses     []float64
	TrainAccs     []float64
	ValAccs       []float64
	EpochTimes    []float64 // seconds
	LearningRates []float64
	GradNorms     []float64 // before clipping
	BestEpoch     int       // the first with the lowest loss that was watched; -1 for none
	BestValLoss   float64   // the validation loss there; NaN for none
	StopReason    StopReason
}

// NewHistory returns an empty History.
func NewHistory() *History { return &History{BestEpoch: -1, BestValLoss: math.NaN()} }

// Len is the number of epochs.
func (h *History) Len() int { return len(h.TrainLosses) }

// Update adds an epoch, whose Index is h.Len() whatever it says, and reports
// whether it is the best so far: any lower loss is better here, however little.
// (EarlyStopping.MinDelta only says what is worth waiting for.)
func (h *History) Update(e Epoch) (best bool) {
	e.Index = h.Len()
	h.TrainLosses = append(h.TrainLosses, e.TrainLoss)
	h.EpochTimes = append(h.EpochTimes, e.Seconds)
	h.LearningRates = append(h.LearningRates, e.LR)
	extend(&h.ValLosses, e.ValLoss, e.Index)
	extend(&h.TrainAccs, e.TrainAcc, e.Index)
	extend(&h.ValAccs, e.ValAcc, e.Index)
	if e.GradNorm == 0 {
		e.GradNorm = math.NaN()
	}
	extend(&h.GradNorms, e.GradNorm, e.Index)

	watched := e.Watched()
	best = isFinite(watched) && (h.BestEpoch < 0 || watched < h.Best().Watched())
	if best {
		h.BestEpoch, h.BestValLoss = e.Index, e.ValLoss
	}
	return best
}

// extend appends x as element n; a list stays nil as long as all of it is NaN.
func extend(list *[]float64, x float64, n int) {
	if *list == nil && math.IsNaN(x) {
		return
	}
	for len(*list) < n {
		*list = append(*list, math.NaN())
	}
	*list = append(*list, x)
}

// Epoch returns the i-th epoch.
func (h *History) Epoch(i int) Epoch {
	return Epoch{
		Index: i, TrainLoss: at(h.TrainLosses, i), ValLoss: at(h.ValLosses, i),
		TrainAcc: at(h.TrainAccs, i), ValAcc: at(h.ValAccs, i),
		Seconds: at(h.EpochTimes, i), LR: at(h.LearningRates, i), GradNorm: zeroForNaN(at(h.GradNorms, i)),
	}
}

func zeroForNaN(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return x
}

// Best returns the best epoch; its Index is -1 where there is none.
func (h *History) Best() Epoch { return h.Epoch(h.BestEpoch) }

func at(list []float64, i int) float64 {
	if i < 0 || i >= len(list) {
		return math.NaN()
	}
	return list[i]
}

// historyJSON is the file. Pointers, because JSON has no NaN.
type historyJSON struct {
	TrainLosses   []*float64 `json:"train_losses"`
	ValLosses     []*float64 `json:"val_losses"`
	TrainAccs     []*float64 `json:"train_accs"`
	ValAccs       []*float64 `json:"val_accs"`
	EpochTimes    []*float64 `json:"epoch_times"`
	LearningRates []*float64 `json:"learning_rates"`
	GradNorms     []*float64 `json:"grad_norms,omitempty"`
	BestEpoch     *int       `json:"best_epoch"`
	BestValLoss   *float64   `json:"best_val_loss"`
	StopReason    StopReason `json:"stop_reason"`
}

// MarshalJSON writes what is not finite as null.
func (h *History) MarshalJSON() ([]byte, error) {
	j := historyJSON{
		TrainLosses: pointers(h.TrainLosses), ValLosses: pointers(h.ValLosses),
		TrainAccs: pointers(h.TrainAccs), ValAccs: pointers(h.ValAccs),
		EpochTimes: pointers(h.EpochTimes), LearningRates: pointers(h.LearningRates),
		GradNorms: pointers(h.GradNorms), BestValLoss: pointer(h.BestValLoss), StopReason: h.StopReason,
	}
	if h.BestEpoch >= 0 {
		j.BestEpoch = &h.BestEpoch
	}
	for _, list := range []*[]*float64{&j.TrainLosses, &j.EpochTimes, &j.LearningRates} {
		if *list == nil {
			*list = []*float64{} // these are always there
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes; a number that is null becomes NaN.
func (h *History) UnmarshalJSON(text []byte) error {
	var j historyJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	*h = *NewHistory()
	h.TrainLosses, h.ValLosses = values(j.TrainLosses), values(j.ValLosses)
	h.TrainAccs, h.ValAccs = values(j.TrainAccs), values(j.ValAccs)
	h.EpochTimes, h.LearningRates = values(j.EpochTimes), values(j.LearningRates)
	h.GradNorms = values(j.GradNorms)
	h.StopReason = j.StopReason
	if j.BestEpoch != nil {
		h.BestEpoch = *j.BestEpoch
	}
	if j.BestValLoss != nil {
		h.BestValLoss = *j.BestValLoss
	}
	return h.check()
}

// check refuses what no Update can have made.
func (h *History) check() error {
	n := h.Len()
	for _, list := range []struct {
		name   string
		values []float64
	}{
		{"val_losses", h.ValLosses}, {"train_accs", h.TrainAccs}, {"val_accs", h.ValAccs},
		{"epoch_times", h.EpochTimes}, {"learning_rates", h.LearningRates},
		{"grad_norms", h.GradNorms},
	} {
		if m := len(list.values); m != 0 && m != n {
			return fmt.Errorf("%s holds %d epochs, train_losses %d", list.name, m, n)
		}
	}
	if h.BestEpoch < -1 || h.BestEpoch >= n {
		return fmt.Errorf("best_epoch is %d, there are %d epochs", h.BestEpoch, n)
	}
	return nil
}

func pointer(x float64) *float64 {
	if !isFinite(x) {
		return nil
	}
	return &x
}

func pointers(xs []float64) []*float64 {
	if xs == nil {
		return nil
	}
	ps := make([]*float64, len(xs))
	for i, x := range xs {
		ps[i] = pointer(x)
	}
	return ps
}

func values(ps []*float64) []float64 {
	if len(ps) == 0 {
		return nil
	}
	xs := make([]float64, len(ps))
	for i, p := range ps {
		xs[i] = math.NaN()
		if p != nil {
			xs[i] = *p
		}
	}
	return xs
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Save writes the history as JSON. The file is there whole or not at all.
func (h *History) Save(path string) error {
	text, err := h.text()
	if err != nil {
		return err
	}
	return writeFile(path, text)
}

// text is the history as a file holds it.
func (h *History) text() ([]byte, error) {
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("trainer: history: %w", err)
	}
	return append(text, '\n'), nil
}

// LoadHistory reads what Save wrote.
func LoadHistory(path string) (*History, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("trainer: history: %w", err)
	}
	h := NewHistory()
	if err := json.Unmarshal(text, h); err != nil {
		return nil, fmt.Errorf("trainer: history %s: %w", path, err)
	}
	return h, nil
}
