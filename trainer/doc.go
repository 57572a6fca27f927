// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package trainer trains networks: one loop, [Run.Fit], and the parts that it is
// made of, for loops of your own.
//
//	run := trainer.Run{
//		Model: model, Loss: nn.MSELoss,
//		Optimizer: optim.NewAdam(nn.Parameters(model), optim.DefaultAdam()),
//		Train:     train, Val: val,
//		Save:      "runs/swing",
//	}
//	history, err := run.Fit(ctx)
//
// The parts: [EarlyStopping], [Losses] (read together, not one by one),
// [Evaluate] and [Predict], [Weights] (a deep copy to return to), [SaveCheckpoint] and
// [LoadCheckpoint], [History] with its files and plot.
//
// [FindLR] searches for a learning rate, and the hooks of a Run, plain functions, are enough
// for a logger, a schedule or an early exit of one's own.
//
// Run.Group trains with several processes, on one machine or many.
//
// Run.Step serves networks of several inputs, outputs or losses, and any [data.Source] the
// samples. A source that fails ends the run after a save: once the fault is gone, Resume
// goes on with the batch that was missing. Run.Metrics measures outputs, and Run.Monitor
// names the value that decides which epoch is best and when to stop.
//
// # Runs that end before they are done
//
// With Save a run leaves checkpoints from which [Run.Resume] goes on, in the
// middle of an epoch or of a group of batches too, to the same bits: weights,
// optimizer, scheduler, scaler and averages, random generators, order of the samples, early
// stopping and history. [VerifyResume] proves it on a machine. The end of the context
// saves and ends a run, a [Control] saves and lets it go on; a crash or a full
// disk at any instant leaves the previous checkpoint, from which Run.SaveInterval says
// what is trained again. [ListCheckpoints]
// reports which files in a folder are whole. Results agree but are not bit-identical on
// another kind of processor or device, with another number of threads, or with another
// version of libtorch.
//
// # Recorded steps
//
// Fit records its step with [torch.Record] and replays it: the operators that libtorch ran,
// without Go between them, in about half the time and with the same bits. So Go does not call
// the network, the loss and Run.Step for each batch; see Run.Eager for those that need it.
//
// # Counting
//
// Epochs and steps count from 0 in fields, files and checkpoints, so that they
// are positions in the lists of a History. In error messages and other text,
// which say "epoch 3 of 50", they count from 1.
package trainer
