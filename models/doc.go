// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package models holds the networks of Etude:
//
//	name     network            layers                                     loss  in → out
//	emotion  EmotionRecognizer  fc 512, fc 256, lstm 128, fc 64; tanh      MSE   128 log-mel bands → 64
//	melody   MelodyTransformer  fc 256, lstm 256, fc 256, fc 128; sigmoid  BCE   64 → 128 note probabilities
//
// The fields of each are declared in the order in which the Python network builds
// its layers, so that names, order and initial values are the same: after
// torch.ManualSeed(s) a new network holds what the Python one does after
// torch.manual_seed(s).
//
// A [Spec] says everything about a network that training and export need;
// [ByName] finds it by name, [Recognize] by a state dict.
package models
