// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package examples holds programs to begin from, each in one file of less than 120 lines,
// on data that it carries or makes:
//
//		go run ./scripts/examples/char-lm
//
//	  - char-lm: a transformer that learns to write letter by letter.
//	  - digits: a convolutional network for images, with early stopping, checkpoints and ONNX.
//	  - emotion: one of the five networks, on the corpus of make demo.
//	  - enhanced-training: most of what package trainer offers, in one training.
//	  - forecast: an LSTM that predicts the next day of a series.
//	  - gan: two networks against each other, in a loop of the program's own.
//	  - siamese: pairs of inputs, and a metric that decides which epoch is best.
//	  - tabular: numbers and names from a CSV file.
//	  - transfer: a PyTorch checkpoint whose frozen layers learn another task.
//	  - vae: a variational autoencoder, with the parts of its loss in the history.
//
// And onnx-cpp, a program in C++ that runs an exported network on a sound, and search, with
// which Optuna, Ray Tune, Katib and Slurm search for settings of etude train.
//
// Beside each but emotion lies its twin in PyTorch, twin.py. The test runs both from the same
// weights and batches, compares the losses of the first 50 steps within 1e-4, and prints the
// metrics side by side.
package examples
