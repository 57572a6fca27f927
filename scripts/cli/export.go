// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/torch"
)

type exportCommand struct {
	Model   string `arg:"" name:"model.pt" help:"A state dict, or a checkpoint that holds one."`
	Output  string `short:"o" placeholder:"FILE" help:"The file to write (MODEL.onnx or MODEL.json, with --from-samples MODEL-from-samples.onnx)."`
	Network string `placeholder:"NAME" help:"Insist on this network instead of recognising it."`
	Format  string `default:"onnx" placeholder:"FORMAT" help:"onnx, or rtneural: JSON for real-time plugins."`
	Opset   int    `placeholder:"N" help:"ONNX operator set (17)."`

	FromSamples bool `help:"Let the file take samples of sound and compute the features itself (emotion)."`
	WithReadout bool `help:"Let the file return what the outputs stand for: valence and arousal (emotion)."`

	JSON bool `name:"json" help:"Print what was written as one JSON value."`
}

func (exportCommand) Help() string {
	return `Reads a .pt file, recognises the network by the names and shapes of its tensors, also where they have a prefix such as module. or are under a key such as state_dict, and writes it as ONNX with a free batch size. ONNX Runtime then computes what libtorch computes, at several batch sizes; the largest difference is printed and stored in the file.

With --from-samples the file needs no other code for features: it takes mono sound at 22,050 Hz, full scale 1, as [batch, samples]. Of a longer sound the first 2 seconds count, as in training. The answer for silence, below -80 dBFS, is not a number (NaN).

With --format rtneural it writes JSON for RTNeural, which computes networks in the audio thread of a plugin. The file is read again and its numbers are computed without libtorch; the largest difference is printed. An LSTM of Etude's networks begins each input from the zero state, so a plugin calls reset() before each forward().

Examples:

    etude export runs/first/emotion/model.pt
    etude export best.pt -o melody.onnx --network melody
    etude export runs/first/emotion/model.pt --from-samples --with-readout -o plugin.onnx
    etude export runs/first/groove/model.pt --format rtneural`
}

// Validate finds mistakes in the command line.
func (c *exportCommand) Validate() error {
	switch {
	case c.Format != "onnx" && c.Format != "rtneural":
		return fmt.Errorf("format %q is not known; there are onnx and rtneural", c.Format)
	case c.Format == "rtneural" && c.Opset != 0:
		return fmt.Errorf("--opset is for ONNX; the format is rtneural")
	case c.Format == "rtneural" && (c.FromSamples || c.WithReadout):
		return fmt.Errorf("--from-samples and --with-readout are for ONNX; the format is rtneural")
	case c.FromSamples && c.Opset != 0 && c.Opset < 17:
		return fmt.Errorf("--opset is %d; the spectra of --from-samples need 17 or more", c.Opset)
	}
	if c.Network != "" {
		if _, err := oneNetwork(c.Network); err != nil {
			return fmt.Errorf("--network: %w", err)
		}
	}
	return nil
}

// exported holds the output of --json.
type exported struct {
	File     string              `json:"file"`
	Network  string              `json:"network"`
	ONNX     *runs.ONNXCheck     `json:"onnx,omitempty"`
	RTNeural *runs.RTNeuralCheck `json:"rtneural,omitempty"`
}

// Run exports the network.
func (c *exportCommand) Run(env *Env) error {
	if err := torch.InitCPU(); err != nil {
		return err
	}
	m, err := runs.OpenModel(c.Model, c.Network)
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Note != "" {
		env.say("%s", m.Note)
	}
	output := c.Output
	if output == "" {
		output = strings.TrimSuffix(m.Path, filepath.Ext(m.Path))
		if c.FromSamples { // the file of a run stays as it is
			output += "-from-samples"
		}
		if c.WithReadout {
			output += "-with-readout"
		}
		output += map[string]string{"onnx": ".onnx", "rtneural": ".json"}[c.Format]
	}
	if info, err := os.Stat(output); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: there is something else than a file of that name; give another with -o", output)
	}
	result, difference := exported{File: output, Network: m.Spec.Name}, measure.Number(0)
	if c.Format == "rtneural" {
		check, err := m.ExportRTNeural(output)
		if err != nil {
			return err
		}
		result.RTNeural, difference = &check, check.MaxAbsDiff
	} else {
		check, err := m.Export(output, runs.ExportOptions{Opset: c.Opset, FromSamples: c.FromSamples, WithReadout: c.WithReadout})
		if err != nil {
			return err
		}
		result.ONNX, difference = &check, check.MaxAbsDiff
	}
	return env.result(c.JSON, result, func(w io.Writer) {
		plain.Fprintf(w, "%s: %s, within %.1e of libtorch\n", output, m.Spec.Title, float64(difference))
		if result.RTNeural != nil && result.RTNeural.Reset {
			plain.Fprintf(w, "its LSTM begins each input from the zero state: call reset() before each forward()\n")
		}
	}, true)
}
