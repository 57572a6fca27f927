// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package cli is the command etude, with a file for each of its commands. A program of
// another module that registers a network with models.Register and calls [Main] is the
// same command, which knows that network too; scripts/octaves shows one.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/crash"
	"github.com/etude-ml/etude/scripts/internal/progress"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/trainer"
)

const description = `Etude trains small music networks on libtorch and hands them over as PyTorch and ONNX files.

Begin with "etude demo": it sets up what is missing, composes a little corpus, trains on it and shows what was learned.`

// grammar describes the command line to kong.
type grammar struct {
	Version kong.VersionFlag `help:"Print the version and exit."`

	Setup    setupCommand    `cmd:"" help:"Find or install libtorch and ONNX Runtime."`
	Doctor   doctorCommand   `cmd:"" help:"Report what is installed, what is wrong, and how to fix it."`
	Demo     demoCommand     `cmd:"" help:"Compose a small corpus, train on it, and show what was learned."`
	Import   importCommand   `cmd:"" help:"Bring a published collection into a data folder."`
	Validate validateCommand `cmd:"" help:"Check a data folder before training."`
	Features featuresCommand `cmd:"" help:"Print the numbers that a network takes from files."`
	Train    trainCommand    `cmd:"" help:"Train networks on a data folder."`
	Evaluate evaluateCommand `cmd:"" help:"Measure trained networks on a data folder."`
	Export   exportCommand   `cmd:"" help:"Turn a trained .pt file into ONNX, and check it."`
	Infer    inferCommand    `cmd:"" help:"Let a trained network answer for files."`
	Inspect  inspectCommand  `cmd:"" help:"List what a .pt, .onnx or .safetensors file holds."`
	Diff     diffCommand     `cmd:"" help:"Compare two such files."`
	Cache    cacheCommand    `cmd:"" help:"Show or clear the features that are kept of decoded files."`

	Launch         launchCommand         `cmd:"" help:"Run one command as several processes that train together."`
	VerifyResume   verifyResumeCommand   `cmd:"" help:"Prove that an interrupted training ends like an uninterrupted one."`
	BenchInference benchInferenceCommand `cmd:"" help:"Measure how long a trained network takes to answer."`
	GPUCheck       gpuCheckCommand       `cmd:"" name:"gpucheck" hidden:"" help:"Check a GPU against the CPU, and time it."`
}

// Main runs the command line args and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	crash.UseExitCode()
	ctx, cancel := context.WithCancelCause(context.Background())
	people := newPatient(ctx, stderr)
	lines := progress.NewGroup(people, isTerminal(stderr))
	control := new(trainer.Control)
	defer onSignals(cancel, lines.Say, control)()
	results := &output{w: newPatient(ctx, stdout)}
	env := &Env{Context: ctx, Stdout: results, Stderr: people, Control: control, lines: lines, own: [2]io.Writer{stdout, stderr}}
	err := run(env, args)
	if err == nil && results.err != nil {
		err = fmt.Errorf("the result could not be written: %w", results.err)
	}
	if errors.Is(results.err, syscall.EPIPE) { // of `etude inspect … | head`, which is no error
		return interrupted{signal: syscall.SIGPIPE}.code()
	}
	if failed, ok := errors.AsType[*dist.RankError](err); ok { // the process itself has reported why
		lines.Say("etude: %v", failed)
		return failed.Code
	}
	// Work that was finished in spite of a signal is done.
	cut, ok := errors.AsType[interrupted](context.Cause(ctx))
	if !ok { // another process of the group was
		cut, ok = errors.AsType[interrupted](err)
	}
	if _, failed := errors.AsType[groupError](err); ok && err != nil && !failed {
		if cut.said != nil {
			<-cut.said
		}
		lines.Say("etude: %v", cut)
		return cut.code()
	}
	switch _, usage := errors.AsType[usageError](err); {
	case err == nil:
		return exitDone
	case errors.Is(err, errFailed):
		return exitFailed
	case usage:
		lines.Say("etude: %v", sentence(err))
		return exitUsage
	default:
		lines.Say("etude: %v", sentence(err))
		env.sayRights(err)
		return exitFailed
	}
}

// early leaves the parser after --help or --version.
type early struct{ code int }

func run(env *Env, args []string) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case early:
			if p.code != exitDone {
				err = errFailed
			}
		default:
			panic(p)
		}
	}()
	parser, err := newParser(env)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		parser.Stdout = env.Stderr
		args = []string{"--help"}
		defer func() {
			if err == nil {
				err = usagef(`say what to do, for example "etude demo"`)
			}
		}()
	}
	if args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return usageError{rephrased(err)}
	}
	// libtorch's oneMKL ends a process without a current folder, and with the exit
	// code of wrong usage.
	if _, err := os.Getwd(); errors.Is(err, fs.ErrNotExist) {
		return errors.New("the current folder was removed; change to one that exists")
	}
	return parsed.Run()
}

func newParser(env *Env) (*kong.Kong, error) {
	return kong.New(new(grammar),
		kong.Name("etude"),
		kong.Description(description),
		kong.Writers(env.Stdout, env.Stderr),
		kong.Exit(func(code int) { panic(early{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 96}),
		vars(),
		kong.Bind(env),
		kong.KindMapper(reflect.String, kong.MapperFunc(verbatim)),
	)
}

// vars returns the parts of help texts that come from the registry of networks.
func vars() kong.Vars {
	names := models.Names()
	last := len(names) - 1
	return kong.Vars{
		"version":  "etude " + runs.Version(),
		"networks": strings.Join(names, ", "),
		"network":  strings.Join(names[:last], ", ") + " or " + names[last],
		"data":     "Folder that holds training/audio, training/midi and so on.",
		"epochs":   defaults(func(d models.Defaults) any { return d.Epochs }),
		"batch":    defaults(func(d models.Defaults) any { return d.BatchSize }),
		"lr":       defaults(func(d models.Defaults) any { return d.LR }),
		"decay":    defaults(func(d models.Defaults) any { return d.WeightDecay }),
		"patience": defaults(func(d models.Defaults) any { return d.Patience }),
		"delta":    defaults(func(d models.Defaults) any { return d.MinDelta }),
	}
}

// defaults returns a setting's default, and those of the networks that have another.
func defaults(setting func(models.Defaults) any) string {
	all := models.All()
	first := setting(all[0].Defaults)
	text := fmt.Sprint(first)
	for _, spec := range all {
		if d := setting(spec.Defaults); d != first {
			text += fmt.Sprintf(", %s %v", spec.Name, d)
		}
	}
	return text
}

// Check reports what is wrong with a command line, with the parser of Main, and does
// nothing else.
func Check(args []string) error {
	parser, err := newParser(&Env{Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	return err
}

// verbatim takes a string as it was given: kong's own mapper goes by way of JSON,
// which spoils the names of files that are not UTF-8.
func verbatim(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("string")
	if err != nil {
		return err
	}
	target.SetString(fmt.Sprint(token.Value))
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
