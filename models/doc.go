// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package models holds the networks of Etude:
//
//	name     network            layers                                     loss  in → out
//	emotion  EmotionRecognizer  fc 512, fc 256, lstm 128, fc 64; tanh      MSE   128 log-mel bands → 64
//	melody   MelodyTransformer  fc 256, lstm 256, fc 256, fc 128; sigmoid  BCE   64 → 128 note probabilities
//	harmony  HarmonyPredictor   fc 256, fc 128, fc 64; tanh, softmax       KL    128 → 64 shares of chords
//	dynamics DynamicsEngine     fc 128, fc 64, fc 16; relu, sigmoid        MSE   32 → 16 of expression
//	groove   GroovePredictor    fc 128, fc 64, fc 32; tanh                 MSE   64 → 32 of loudness and timing
//
// The fields of each are declared in the order in which the Python network builds
// its layers, so that names, order and initial values are the same: after
// torch.ManualSeed(s) a new network holds what the Python one does after
// torch.manual_seed(s).
//
// A [Spec] holds all that reading, training, export and evaluation need to know about a
// network; [ByName] finds it by name, [Find] by the weights in a file.
// [Register] adds another network; the program scripts/octaves does so.
package models
