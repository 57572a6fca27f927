// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/rtneural"
)

type exportCommand struct {
	Model   string `arg:"" name:"model.pt" help:"RUN/NETWORK, or a .pt file: a state dict, or a checkpoint that holds one."`
	Output  string `short:"o" placeholder:"FILE" help:"The file to write (MODEL.onnx or MODEL.json, with --from-samples MODEL-from-samples.onnx)."`
	Network string `placeholder:"NAME" help:"Insist on this network instead of recognising it."`
	Format  string `default:"onnx" placeholder:"FORMAT" help:"onnx, or rtneural: JSON for real-time plugins."`
	Dialect string `placeholder:"NAME" help:"With --format rtneural: kelly, the form of the plugin Kelly MIDI Companion."`
	Opset   int    `placeholder:"N" help:"ONNX operator set (17)."`

	FromSamples bool `help:"Let the file take samples of sound and compute the features itself (emotion)."`
	WithReadout bool `help:"Let the file return what the outputs stand for: valence and arousal (emotion)."`

	Weights string  `default:"float32" placeholder:"TYPE" help:"Store weights as float32, float16 (half the file) or int8 (a quarter)."`
	Data    string  `placeholder:"DATA" help:"A data folder: measure the network with rounded weights, as evaluate does."`
	MaxRise float64 `default:"1" placeholder:"PERCENT" help:"With --data, write nothing if the loss rises by more than this share of its distance to the constant's loss (1)."`
	All     bool    `help:"With --data, measure also on the samples that the network was trained on."`

	To      string `placeholder:"DIR" help:"Write a folder instead: model.onnx, model.safetensors, a card and what readers need."`
	License string `placeholder:"NAME" help:"With --to, the network's licence on the card, as Hugging Face's hub writes it: mit, cc-by-4.0."`
	Force   bool   `help:"Replace an earlier export in DIR."`

	cacheFlags

	JSON bool `name:"json" help:"Print what was written as one JSON value."`
}

func (exportCommand) Help() string {
	return `Reads a .pt file, recognises the network by the names and shapes of its tensors, also where they have a prefix such as module. or are under a key such as state_dict, and writes it as ONNX with a free batch size. ONNX Runtime then computes what libtorch computes, at several batch sizes; the largest difference is printed and stored in the file.

With --from-samples the file needs no other code for features: it takes mono sound at 22,050 Hz, full scale 1, as [batch, samples]. Of a longer sound the first 2 seconds count, as in training. The answer for silence, below -80 dBFS, is not a number (NaN).

With --format rtneural it writes JSON for RTNeural, which computes networks in the audio thread of a plugin. The file is read again and its numbers are computed without libtorch; the largest difference is printed. An LSTM of Etude's networks begins each input from the zero state, so a plugin calls reset() before each forward(). With --dialect kelly it writes the form of the plugin Kelly MIDI Companion instead, which RTNeural itself does not load.

With --weights float16 or int8 the file is half or a quarter as large. It computes in float32 as before and as fast, because ONNX Runtime widens the weights when it loads the file; biases stay float32. What rounding costs depends on the network: --data measures it on a data folder, beside the measures without rounding and those of the constant prediction. The loss may rise by 1 % (--max-rise) of the distance between the network's loss and the constant's, which is what training has gained; otherwise nothing is written. Without --data only the outputs for random inputs are compared.

With --to it writes a folder that explains itself to people without Etude: the ONNX file, model.safetensors, config.json, a model card with a class that reads the folder in PyTorch, and model.json in the form of Essentia's models. Data, measures and versions are those of the run that the .pt file lies in.

Examples:

    etude export runs/first/emotion/model.pt
    etude export runs/first/emotion --to emotion
    etude export best.pt -o melody.onnx --network melody
    etude export runs/first/emotion/model.pt --from-samples --with-readout -o plugin.onnx
    etude export runs/first/melody/best.pt --weights int8 --data ~/music
    etude export runs/first/groove/model.pt --format rtneural`
}

// Validate finds mistakes in the command line.
func (c *exportCommand) Validate() error {
	neural := c.Format == "rtneural"
	switch {
	case !neural && c.Format != "onnx":
		return fmt.Errorf("format %q is not known; there are onnx and rtneural", c.Format)
	case !neural && c.Dialect != "":
		return errors.New("--dialect is a form of RTNeural's JSON; add --format rtneural")
	case neural && c.Dialect != "" && c.Dialect != rtneural.Kelly:
		return fmt.Errorf("dialect %q is not known; there is %s", c.Dialect, rtneural.Kelly)
	case neural && (c.Opset != 0 || c.FromSamples || c.WithReadout || c.Weights != "float32" || c.To != ""):
		return errors.New("--opset, --from-samples, --with-readout, --weights and --to are for ONNX; the format is rtneural")
	case weightTypes[c.Weights] == torch.Float32 && c.Weights != "float32":
		return fmt.Errorf("weights %q are not known; there are float32, float16 and int8", c.Weights)
	case c.Weights == "float32" && (c.Data != "" || c.All || c.MaxRise != 1):
		return errors.New("--data, --all and --max-rise measure rounded weights; add --weights float16 or int8")
	case c.Data == "" && (c.All || c.MaxRise != 1):
		return errors.New("--all and --max-rise are about the measures on --data, which is not given")
	case !(c.MaxRise >= 0):
		return fmt.Errorf("--max-rise is %g; it is a percentage from 0 on", c.MaxRise)
	case c.To != "" && c.Output != "":
		return errors.New("--to names the folder and -o the file; give one of them")
	case c.License != "" && c.To == "":
		return errors.New("--license is for the card in the folder of --to; none is given")
	case c.Force && c.To == "":
		return errors.New("--force replaces the folder of --to; none is given")
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

// weightTypes has the types of --weights.
var weightTypes = map[string]torch.DType{"float32": torch.Float32, "float16": torch.Float16, "int8": torch.Int8}

// exported holds the output of --json.
type exported struct {
	File     string              `json:"file"`
	Folder   string              `json:"folder,omitempty"`
	Network  string              `json:"network"`
	ONNX     *runs.ONNXCheck     `json:"onnx,omitempty"`
	RTNeural *runs.RTNeuralCheck `json:"rtneural,omitempty"`
	Weights  *runs.WeightsChange `json:"weights,omitempty"` // the measures of rounded ones
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
		if c.Weights != "float32" {
			output += "-" + c.Weights
		}
		if c.Dialect != "" {
			output += "-" + c.Dialect
		}
		output += map[string]string{"onnx": ".onnx", "rtneural": ".json"}[c.Format]
	}
	if c.To != "" {
		output, err = filepath.Join(c.To, "model.onnx"), runs.CheckFolder(c.To, c.Force)
	} else {
		err = checkWritable("-o", output)
	}
	if err != nil {
		return err
	}
	options := runs.ExportOptions{Opset: c.Opset, FromSamples: c.FromSamples, WithReadout: c.WithReadout, Weights: weightTypes[c.Weights]}
	result := exported{File: output, Folder: c.To, Network: m.Spec.Name}
	if c.Data != "" {
		if result.Weights, err = c.measure(env, m, options); err != nil {
			return err
		}
	}
	var check runs.ONNXCheck
	var neural runs.RTNeuralCheck
	switch {
	case c.Format == "rtneural":
		neural, err = m.ExportRTNeural(output, c.Dialect)
		result.RTNeural = &neural
	case c.To != "":
		var remarks []string
		check, remarks, err = m.ExportFolder(env.Context, c.To, runs.FolderOptions{ExportOptions: options, Replace: c.Force, License: c.License, Change: result.Weights})
		result.ONNX = &check
		for _, remark := range remarks {
			env.say("%s", remark)
		}
	default:
		check, err = m.Export(output, options)
		result.ONNX = &check
	}
	if err != nil {
		return err
	}
	if options.Weights != torch.Float32 && c.Data == "" {
		env.say("%s: what weights in %s change was not measured; --data DATA does so", m.Spec.Name, c.Weights)
	}
	return env.result(c.JSON, result, func(w io.Writer) {
		size := ""
		if info, err := os.Stat(output); err == nil && options.Weights != torch.Float32 {
			size = fmt.Sprintf(" in %d bytes instead of %d", info.Size(), int(info.Size())+check.Saved)
		}
		plain.Fprintf(w, "%s: %s%s, within %.1e of libtorch\n", output, m.Spec.Title, size, float64(max(check.MaxAbsDiff, neural.MaxAbsDiff)))
		if c.To != "" {
			plain.Fprintf(w, "beside it: %s\n", strings.Join(runs.FolderFiles[1:], ", "))
		}
		if neural.Reset {
			plain.Fprintf(w, "its LSTM begins each input from the zero state: call reset() before each forward()\n")
		}
	}, true)
}

// measure compares the measures of the network with those of rounded weights.
func (c *exportCommand) measure(env *Env, m *runs.Model, options runs.ExportOptions) (change *runs.WeightsChange, err error) {
	if err := checkPath("--data", c.Data); err != nil {
		return nil, err
	}
	kept, done := c.open(env)
	defer done()
	e, err := env.evaluate(m, c.All, dataset.Options{Cache: kept}, func(o dataset.Options) (*runs.Evaluation, error) {
		if change, err = m.MeasureWeights(env.Context, options, c.Data, c.All, o); err != nil {
			return nil, err
		}
		return change.Before, nil
	})
	if err != nil {
		return nil, err
	}
	if !c.JSON {
		plain.Fprintf(env.Stdout, "%s on %s of %s:\n", e.Network, count(e.Samples, "sample"), c.Data)
		printMeasures(env.Stdout, []string{"float32", c.Weights, "change"}, e, change.After)
		plain.Fprintf(env.Stdout, "the loss changes by %+.2g %% of its distance to the constant's loss\n", float64(change.Rise))
	}
	if err := change.Check(c.MaxRise); err != nil {
		return nil, fmt.Errorf("%w; --max-rise allows more", err)
	}
	return change, nil
}
