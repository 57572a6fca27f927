// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer/metric"
)

// Defaults of Run.
const (
	DefaultEpochs       = 50
	DefaultBatchSize    = 64
	DefaultSaveInterval = time.Second
	readEvery           = 32
)

var (
	// ErrInterrupted is returned by Fit when its context ends; the cause of the
	// context is wrapped as well.
	ErrInterrupted = errors.New("training was interrupted")
	// ErrStop, returned by a hook other than OnStart, ends a run as if all its epochs were
	// done.
	ErrStop = errors.New("stop training")
)

// Run is a network with everything that its training needs. Model, Loss,
// Optimizer and Train are needed. Elsewhere nil switches something off, and a number
// that must be at least 1 has a default for 0. The fields stand in groups: what is trained,
// the batches of an epoch, the steps of the optimizer, what is measured, what finds
// mistakes, the files, the host, and the hooks.
type Run struct {
	// What is trained, and on what.

	Model     any             // an nn.Module, or with Step whatever holds layers; see package nn for how its parameters are found
	Loss      nn.Loss         // the mean over a batch; see nn.WithDivisor for means over anything but its samples
	Optimizer optim.Optimizer // optim.Several for more than one
	Train     data.Source     // a *data.Set or another source, on the device of Model's parameters
	Val       data.Source     // nil for no validation

	// Step computes the losses of a batch, in training and validation, for a Model that
	// has several inputs, outputs or losses. nil stands for the Loss of
	// Model.Forward(batch.X) and batch.Y. Where its Result has no Loss, it is Run.Loss of
	// Output and Target; a Step that always gives one needs no Run.Loss.
	Step func(data.Batch) Result

	// The batches of an epoch.

	Epochs    int          // at least 1; 0 for DefaultEpochs
	BatchSize int          // at least 1; 0 for DefaultBatchSize; an epoch's last batch holds what is left
	Seed      uint64       // of the order of the samples in each epoch, and of what Train draws; every value, 0 included, is a seed
	Sampler   data.Sampler // the order of an epoch; nil for one that data.Order shuffles
	DropLast  bool         // leave out an epoch's last batch where it would be smaller than the others

	// The steps of the optimizer.

	// Accumulate is how many batches make one step of the optimizer, 0 for 1: their
	// gradients are added up as if they were one large batch, each sample weighing
	// the same, or what the loss weighs it, in an epoch's last, smaller group too.
	// Everything that counts steps counts batches.
	Accumulate int
	ClipNorm   float64         // limits the norm of all gradients together; 0 for no limit
	ClipValue  float64         // limits every element of the gradients, before ClipNorm does; 0 for no limit
	Scheduler  optim.Scheduler // steps after each epoch, with the value of Monitor; or nil
	// PerStep lets Scheduler step after each step of the optimizer instead, as OneCycleLR
	// and CyclicLR want it.
	PerStep bool
	// Autocast computes outputs and losses in BFloat16 or Float16 where torch.Autocast does,
	// in training, validation, Evaluate and Predict; 0, which is Float32, for no autocast.
	Autocast torch.DType
	// Scaler scales losses and leaves out the steps whose gradients are not finite, which
	// Epoch.Skipped counts; with Float16 small gradients are 0 without one. Scheduler counts
	// them as steps, as in Lightning, so that a schedule ends with the run. A loss that is
	// not finite is an error as without a Scaler, because the scale does not change it. nil
	// for none.
	Scaler *optim.GradScaler
	// EMA is the decay, such as 0.999, of exponential moving averages of the weights, which
	// every step of the optimizer updates, one that Scaler leaves out too; buffers are copied,
	// as swa.AveragedModel does by default. As with Lightning's WeightAveraging, the averages
	// are validated, decide which epoch is best and are saved as the network, in model.pt and
	// as the "model_state_dict" of a checkpoint, which holds the weights that training goes on
	// with too. Fit leaves averages in Model at the end; hooks, and an interrupted run, have
	// the weights of the last step. 0 for none.
	EMA float64

	// KeepDenormals computes with numbers below 1.2e-38 instead of taking them for zero (see
	// torch.SetFlushDenormal). Weight decay drives weights without a gradient down to them, with
	// which some processors are several times slower.
	KeepDenormals bool

	// What is measured, and what follows from it.

	// Metrics compare outputs and targets over all samples of an epoch, counted on the
	// device: "f1" in training, from the batches as they were trained, as in Keras, and
	// "val_f1" in validation. Small batches are counted up to 32 at a time. A metric that keeps
	// all outputs (metric.Metric.Keep) is measured in training only where there is no
	// validation. Epoch.More holds the values.
	Metrics []metric.Metric
	// Monitor names the value that decides which epoch is best, and that Stop, KeepBest and
	// ReduceLROnPlateau watch: "val_loss", which is the default where there is validation,
	// "loss", the other default, "val_acc" or "acc" for classes, or a name in Epoch.More.
	// Losses are minimised, "acc" and metrics as Metric.Maximize says.
	Monitor    string
	Stop       *EarlyStopping // watches Monitor, in its direction; its settings are copied; nil for all epochs
	KeepLast   bool           // end with the last weights, not with those of the best epoch
	TrackNorms bool           // records Epoch.GradNorm where ClipNorm is 0, too, and Epoch.WeightNorm

	// What finds mistakes.

	// LimitBatches ends each epoch, of training and of validation, after so many batches. 0
	// for no limit.
	LimitBatches int
	// OverfitBatches trains on the same first batches in every epoch, not shuffled, and
	// validates on as many of Val: a network that can learn has to learn those. 0 for all.
	OverfitBatches int
	// FastDevRun tries everything once: a batch of training, one of validation, one epoch.
	// Nothing is saved or continued.
	FastDevRun bool
	// NumSanityValSteps is how many batches of validation are tried, and their losses
	// dropped, before the first epoch, so that a mistake there does not show only after it.
	NumSanityValSteps int
	// DetectAnomaly looks after each batch for what is not finite, so that the error names
	// the operator and the layer whose results first were not, in a batch that is computed
	// once more, or the parameter. The host waits for each batch several times.
	DetectAnomaly bool

	// The files.

	// Save is a folder, created if necessary: last.pt after epochs, best.pt after
	// the best one; at the end model.pt (the best weights), history.json and
	// history.png. checkpoints.json lists the checkpoints with their hashes; see
	// [ListCheckpoints]. Empty: nothing is written.
	//
	// They are written beside training. At any instant, whatever happens, last.pt
	// is the new one whole or the old one whole. A save that fails is a notice, and
	// training goes on; the next save makes up for it, and if none can, Fit returns a
	// [*SaveError]. If the folder is renamed meanwhile, the run saves into it under
	// its new name and ends with [ErrMoved].
	Save string
	// SaveInterval is the least time between saves after epochs; 0 for
	// DefaultSaveInterval, and a negative one saves after every epoch. Epochs in between
	// wait in memory, as few as the files need. Everything is saved at the end, when the
	// context ends, when Train fails and when Control asks. So what a crash or kill -9
	// costs is the epoch in progress, the save in progress, and the epochs that ended
	// within SaveInterval of the last save; a run that is resumed trains them again, with
	// the same bits.
	SaveInterval time.Duration
	// KeepBest is how many best-*.pt files are kept beside them, named after their
	// epochs (from 0): those with the lowest Rank, or where Rank is nil with the best
	// value of Monitor. Only files of this run are ever removed.
	KeepBest int
	Rank     func(Epoch) float64
	// Resume continues from last.pt in Save, where it is: bit for bit as if there
	// had been no break, on the same machine with the same number of threads. (Not so
	// on CUDA the dropout between an LSTM's layers: cuDNN keeps its generator to itself.)
	// Without that file the run starts from the beginning. Other settings, data or networks than
	// the run began with are refused, each difference by name; Epochs, Stop, the
	// device and the number of threads may differ.
	Resume bool
	// ResumeFrom continues from another checkpoint, in Save or elsewhere, whatever
	// last.pt is. If it is in Save, it is never removed.
	ResumeFrom string
	// Replace lets the run take the place of one that has ended: the files that it left
	// in Save are removed. Without it Fit refuses a folder that holds results.
	Replace bool
	// Override resumes even if the settings of the optimizer, the scheduler or layers,
	// ClipNorm, ClipValue, EMA or Autocast have changed, and uses those of this Run.
	Override bool
	Control  *Control // saves on request; or nil

	// The host.

	// Steps are recorded with [torch.Record] and replayed, with the same bits in about half the
	// time, where that can be done: on the CPU, in a run of 100 steps or more. Go calls Step, or
	// the Forward of Model and Loss, for the first 8 batches and the first of each epoch, and
	// for the last one where it is smaller. If such a call shows that the step has become
	// another one, it is recorded anew, and OnNotice says so; what cannot be recorded is called
	// each time, with a notice that says why. Gradients are not in Tensor.Grad after a replay.
	//
	// Eager lets Go call every step. A Step or Forward needs it that counts its calls, prints,
	// draws Go's random numbers, or otherwise decides anew within an epoch.
	Eager bool
	// MustRecord makes it an error that steps cannot be recorded. It also records where Fit
	// does not do it by itself: in shorter runs, and on CUDA, as CUDA graphs, which have not run
	// on a GPU yet.
	MustRecord bool

	// Group lets several processes train one network together, each with a part of every
	// batch; see [dist.Init]. They end with the weights of one process but for rounding,
	// since BatchSize is that of all together, each sample weighs the same, and losses, accuracies
	// and metrics are those of all samples. What draws or averages in Model is of the
	// process's own part: dropout has other masks, and batch norm takes other means, of which
	// those of rank 0 stay in its buffers, unless SyncBatchNorm is set.
	//
	// All processes call Fit with the same Run; what differs is an error that names it. They
	// begin with the weights of rank 0, which alone reads and writes files, and they stop
	// together after the same step: when the context ends in one of them, at a loss that is not
	// finite, or when one hook returns ErrStop. Hooks are called in every process, with its own
	// Results, but OnStart in rank 0 alone. A process that fails otherwise, or is gone, ends the
	// others with an error that names it, and the group is of no more use; but if rank 0 cannot
	// begin, such as with a checkpoint that it refuses, the group can be used for another run.
	//
	// A checkpoint is that of one process, and any number can go on from it; the same number
	// does so bit for bit. Gradients travel once for each step of the optimizer, however many
	// batches Accumulate makes of it, and there alone interrupts and requests to save are seen
	// to. Where Train or Val fails in one process, all save what came before that batch, as one
	// process does, and return an error that names the rank; only then is a step of several
	// batches saved in its middle, from where the last bits may differ. Go calls each step. nil,
	// or a group of one, for one process.
	Group *dist.Group
	// SyncBatchNorm lets each nn.BatchNorm of Model take mean and variance over the batches of
	// all processes of Group in training, as PyTorch's SyncBatchNorm, so that they are those of one
	// process; see [dist.ConvertSyncBatchNorm]. It changes nothing in one process.
	SyncBatchNorm bool

	Threads   int // for each operator; 0 for the process's number (see torch.SetNumThreads)
	ReadEvery int // steps between reads of the losses from the device; 0 for 32

	// The hooks, which are called on Fit's goroutine.

	// OnStart is called once Save is this run's, and before anything in it is changed:
	// here a caller can remove its own files of an earlier run. An error ends the run.
	OnStart func() error
	// OnFitStart is called before the first step, with the history of a run that is continued,
	// and OnFitEnd at the end of a run that began, when the files are written and Model has its
	// final weights. An error of either is Fit's.
	OnFitStart, OnFitEnd func(*History) error
	// OnBatch is called after each batch, which counts from 0, with what the network made of
	// it. The tensors are on the device, where reading one makes the host wait, and are freed
	// when it returns. An error ends the run; ErrStop ends the epoch first, which is
	// validated, recorded and saved like a whole one.
	OnBatch    func(epoch, step int, r Result) error
	OnEpoch    func(Epoch) error // after each epoch, before it is saved; an error ends the run after that; see Log
	OnProgress func(Progress)    // after each step
	OnNotice   func(text string) // a message for the user that is no error
	// AroundStep calls step, and may do something around it: measure it, or see
	// that it reads nothing from the device.
	AroundStep func(step func())
}

// trainMetrics returns the metrics of training.
func (r *Run) trainMetrics() []metric.Metric {
	if r.Val == nil {
		return r.Metrics
	}
	return slices.DeleteFunc(slices.Clone(r.Metrics), func(m metric.Metric) bool { return m.Keep })
}

// loss names the loss that is watched where Monitor is "".
func (r *Run) loss() string {
	if r.Val == nil {
		return "loss"
	}
	return valPrefix + "loss"
}

// monitor returns the name of the value that is watched, and how it improves. parts are
// those of Step's losses; nil where they are not known yet, so that every name may be one.
func (r *Run) monitor(parts []string) (name string, mode Mode, err error) {
	modes := map[string]Mode{}
	add := func(prefix string, metrics []metric.Metric) {
		modes[prefix+"loss"], modes[prefix+"acc"] = Min, Max
		for _, name := range parts {
			modes[prefix+name] = Min
		}
		for _, m := range metrics {
			modes[prefix+m.Name] = Min
			if m.Maximize {
				modes[prefix+m.Name] = Max
			}
		}
	}
	add("", r.trainMetrics())
	if r.Val != nil {
		add(valPrefix, r.Metrics)
	}
	name = cmp.Or(r.Monitor, r.loss())
	if _, ok := modes[name]; !ok && (r.Step == nil || parts != nil) {
		err = fmt.Errorf("Run.Monitor is %q; it can be %s", name, strings.Join(slices.Sorted(maps.Keys(modes)), ", "))
	}
	return name, modes[name], err
}

// order returns the numbers of the samples of an epoch, in their order.
func (r *Run) order(epoch int) (order []int) {
	switch {
	case r.OverfitBatches > 0:
		order = numbers(0, r.Train.Len())
	case r.Sampler == nil:
		order = data.Order(r.Train.Len(), r.Seed, epoch)
	default:
		order = r.Sampler.Order(r.Seed, epoch)
	}
	if r.DropLast {
		order = order[:len(order)-len(order)%r.BatchSize]
	}
	if n := r.limit(); n > 0 {
		order = order[:min(n*r.BatchSize, len(order))]
	}
	return order
}

// numbers returns the numbers from first up to the one before end.
func numbers(first, end int) []int {
	list := make([]int, end-first)
	for i := range list {
		list[i] = first + i
	}
	return list
}

// limit returns how many batches an epoch has at most; 0 for any number.
func (r *Run) limit() int { return max(r.LimitBatches, r.OverfitBatches) }

// devRun returns the run that FastDevRun stands for.
func (r Run) devRun() Run {
	r.Epochs, r.LimitBatches, r.NumSanityValSteps, r.Stop = 1, 1, 0, nil
	r.Save, r.Resume, r.KeepBest = "", false, 0
	return r
}

// isNil reports whether there is no source: also a pointer that is nil, in the interface.
func isNil(s data.Source) bool {
	v := reflect.ValueOf(s)
	return s == nil || v.Kind() == reflect.Pointer && v.IsNil()
}

func isModule(model any) bool {
	_, ok := model.(nn.Module)
	return ok
}

// forward calls Model, which check has found to be an nn.Module.
func (r *Run) forward(x *torch.Tensor) *torch.Tensor { return r.Model.(nn.Module).Forward(x) }

// compute returns what the network makes of a batch on a device, in Autocast's precision.
func (r *Run) compute(d torch.Device, b data.Batch) (result Result) {
	r.autocast(d, func() { result = r.step(b) })
	return result
}

func (r *Run) step(b data.Batch) Result {
	if r.Step == nil {
		output := r.forward(b.X)
		return Result{Loss: r.Loss(output, target(b)), Output: output, Target: b.Y}
	}
	result := r.Step(b)
	if result.Loss == nil {
		if r.Loss == nil || result.Output == nil {
			panic(&torch.Error{Op: "Run.Step", Message: "the Result has no Loss; it needs one, or an Output for Run.Loss"})
		}
		result.Loss = r.Loss(result.Output, result.Target)
	}
	return result
}

// autocast calls f, which computes outputs and losses on a device, in the precision that
// Run asks for.
func (r *Run) autocast(d torch.Device, f func()) {
	if r.Autocast == torch.Float32 {
		f()
		return
	}
	torch.Autocast(d, r.Autocast, f)
}

// target returns a batch's targets, without which there is no loss.
func target(b data.Batch) *torch.Tensor {
	if b.Y == nil {
		panic(&torch.Error{Op: "loss", Message: "the set has no targets Y; Run.Step can train without them"})
	}
	return b.Y
}
