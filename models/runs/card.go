// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset/collection"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/onnx"
)

// The files of an exported folder beside model.onnx and config.json.
const (
	weightsFile  = "model.safetensors"
	essentiaFile = "model.json"
	readmeFile   = "README.md"
)

// FolderOptions say what an exported folder holds.
type FolderOptions struct {
	ExportOptions
	Replace bool           // an earlier export
	License string         // of the network, as Hugging Face's hub writes it: "mit"; empty for none on the card
	Change  *WeightsChange // what rounding the weights was measured to change, or nil
}

// card holds what is known of an exported network.
type card struct {
	Spec    models.Spec
	Options FolderOptions
	Check   ONNXCheck
	Remarks []string // on what is left out

	Layers []pyLayer // nil for a network that is not a chain
	File   *onnx.Model
	Sound  string // what an input is, where the file begins with samples

	Run      *Identity // and all below: zero where the run is not known
	Data     *DataInfo
	Sources  []source
	Others   int    // samples of no collection
	Init     string // the file whose weights training started from
	Beats    bool
	Measures []cardMeasure

	Here  Versions
	Date  string
	Files []cardFile
	Head  string
}

// source is a collection that samples come from.
type source struct {
	Title, Licence string
	Samples        int
}

// cardMeasure is a measure beside that of the constant.
type cardMeasure struct {
	Name string
	Headline
}

// cardFile is a file beside the card.
type cardFile struct {
	Name, Holds, SHA256 string
	Bytes               int
}

// card gathers what is known of the network and of the file that was made of it.
func (m *Model) card(file *onnx.Model, check ONNXCheck, o FolderOptions) (*card, error) {
	c := &card{Spec: m.Spec, Options: o, Check: check, Run: m.Run, File: file, Date: time.Now().UTC().Format(time.DateOnly)}
	c.Here = Versions{Etude: Version(), Libtorch: torch.Version(), ONNXRuntime: onnxRuntimeVersion(), Go: runtime.Version()}
	if o.FromSamples {
		text, err := json.MarshalIndent(m.Spec.Front.Metadata(), "", "  ")
		if err != nil {
			return nil, err
		}
		c.Sound = string(text)
	}
	example := torch.FromSlice(exampleInput(m.Spec), 1, m.Spec.In)
	defer example.Close()
	var err error
	if c.Layers, err = pyLayers(m.module, example); err != nil {
		c.remark("the card shows no class for PyTorch, because %v", err)
	}
	if m.Run == nil {
		c.remark("the card says nothing of data, measures and training, because %s is not the model.pt or best.pt in the folder of a run", m.Path)
		return c, nil
	}
	return c, c.readRun(m.Path)
}

func (c *card) remark(format string, args ...any) {
	c.Remarks = append(c.Remarks, fmt.Sprintf(format, args...))
}

// readRun adds what the folder of the run says of the weights in a file of it.
func (c *card) readRun(weights string) error {
	f := folder(filepath.Dir(weights))
	config, err := loadConfig(f)
	if err != nil || config == nil {
		return err
	}
	c.Data = &config.Data
	if config.Init != "" {
		c.Init = base(config.Init)
	}
	var list sampleList
	if _, err := readJSON(f.file(samplesFile), &list); err != nil {
		return err
	}
	c.count(list)
	results := struct {
		BestEpoch     int                 `json:"best_epoch"`
		ValLoss       measure.Number      `json:"val_loss"`
		ConstantLoss  measure.Number      `json:"constant_loss"`
		BeatsConstant bool                `json:"beats_constant"`
		Headlines     map[string]Headline `json:"headlines"`
		SHA256        map[string]string   `json:"sha256"`
	}{}
	found, err := readJSON(f.file(summaryFile), &results)
	if err != nil {
		return err
	}
	same := found && results.BestEpoch == c.Run.BestEpoch
	if sum := results.SHA256[filepath.Base(weights)]; same && sum != "" {
		has, err := hashFile(weights)
		if err != nil {
			return err
		}
		same = has == sum
	}
	if !same {
		c.remark("the card has no measures, because %s is missing or about other weights than those in %s", f.file(summaryFile), weights)
		return nil
	}
	c.Beats = results.BeatsConstant
	c.Measures = []cardMeasure{{"loss", Headline{results.ValLoss, results.ConstantLoss}}}
	for _, name := range c.Spec.Headlines {
		if h, ok := results.Headlines[name]; ok {
			c.Measures = append(c.Measures, cardMeasure{name, h})
		}
	}
	return nil
}

// count finds the collections that samples come from: the import puts each into a folder of
// its name.
func (c *card) count(list sampleList) {
	of := map[string]int{}
	for _, s := range slices.Concat(list.Train, list.Val) {
		name, _, _ := strings.Cut(s.Name, "/")
		of[name]++
	}
	c.Others = c.Data.Samples
	for _, info := range collection.List() {
		if n := of[info.Name]; n > 0 {
			c.Sources = append(c.Sources, source{info.Title, info.Licence, n})
			c.Others -= n
		}
	}
}

// identifier matches what can be the name of a class in Python.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Class returns the name of the class that the card shows.
func (c *card) Class() string {
	if identifier.MatchString(c.Spec.Title) {
		return c.Spec.Title
	}
	return "Network"
}

// About says in a sentence what the network does.
func (c *card) About() string {
	about := cmp.Or(c.Spec.About, fmt.Sprintf("maps %d numbers to %d", c.Spec.In, c.Spec.Out))
	return c.Spec.Title + " " + about + "."
}

// base returns the last part of a path, without where it lies on the machine, in letters that
// a page can have.
func base(path string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune("`|\x7f", r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(filepath.Base(path), "_"))
}

// Rounded names the type that the weights in the ONNX file are rounded to, "" for float32.
func (c *card) Rounded() string {
	if c.Options.Weights == torch.Float32 {
		return ""
	}
	return c.Options.Weights.String()
}

// Epoch returns the best epoch, counted from 1.
func (c *card) Epoch() int { return c.Run.BestEpoch + 1 }

// classes names the numbers of the ONNX file's output.
func (c *card) classes() []string {
	if c.Options.WithReadout {
		return c.Spec.Readout.Names
	}
	return c.Spec.Outputs()
}

// Meaning says what the output of the ONNX file is.
func (c *card) Meaning() string {
	names := c.classes()
	if len(names) <= 4 {
		return strings.Join(names, " and ")
	}
	text := fmt.Sprintf("%d numbers, `%s` to `%s`, which `config.json` names", len(names), names[0], names[len(names)-1])
	if c.Spec.Readout != nil {
		text += "; together they stand for " + strings.Join(c.Spec.Readout.Names, " and ")
	}
	return text
}

// FeatureVersions returns the versions of the features that the network was trained on.
func (c *card) FeatureVersions() map[string]int {
	list := map[string]int{}
	if c.Run != nil {
		for name, version := range c.Run.Versions.Features {
			if strings.HasPrefix(name, c.Spec.Name+".") {
				list[name] = version
			}
		}
	}
	return list
}

// add lists files of the folder, with what each holds.
func (c *card) add(dir string, names ...string) error {
	for _, name := range names {
		text, _, err := readFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		c.Files = append(c.Files, cardFile{name, c.holds(name), fmt.Sprintf("%x", sha256.Sum256(text)), len(text)})
	}
	return nil
}

// holds says what a file of the folder is.
func (c *card) holds(name string) string {
	switch name {
	case weightsFile:
		return "the tensors of the network"
	case configFile:
		return "its layers, features, training and versions"
	case essentiaFile:
		return "its inputs and outputs in the form of Essentia's models"
	}
	text := "the network for ONNX Runtime"
	if c.Options.FromSamples {
		text += ", from samples of sound"
	}
	if c.Options.WithReadout {
		text += ", to " + strings.Join(c.Spec.Readout.Names, " and ")
	}
	if c.Rounded() != "" {
		text += ", with weights in " + c.Rounded()
	}
	return text
}
