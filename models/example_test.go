// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models_test

import (
	"fmt"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

func ExampleAll() {
	for _, s := range models.All() {
		fmt.Printf("%-8s %-17s %3d → %3d %d parameters\n", s.Name, s.Title, s.In, s.Out, nn.ParameterCount(s.New(torch.CPU)))
	}
	// Output:
	// emotion  EmotionRecognizer 128 →  64 403264 parameters
	// melody   MelodyTransformer  64 → 128 641664 parameters
	// harmony  HarmonyPredictor  128 →  64 74176 parameters
	// dynamics DynamicsEngine     32 →  16 13520 parameters
	// groove   GroovePredictor    64 →  32 18656 parameters
}

func ExampleFind() {
	state := nn.StateDict(models.NewMelodyTransformer(torch.CPU)) // or pt.LoadDict("model.pt")
	found, err := models.Find(state, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(found.Spec.Title, found.Spec.ONNXInput, found.Spec.ONNXOutput)
	// Output: MelodyTransformer emotion_embedding midi_notes
}
