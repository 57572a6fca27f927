// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/torch/wholefile"
)

// clearer rewrites messages of the parser in words that need no knowledge of it.
var clearer = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`^(--?[\w-]+): .*"EOL".*$`), "$1 needs a value"},
	{regexp.MustCompile(`^(--?[\w-]+): expected .* but got "(.*)" \(.*\); perhaps try .*$`), "$1 needs a value, and one that begins with a dash is written $1=$2"},
	{regexp.MustCompile(`^(--?[\w-]+): expected a valid \d+ bit int but got (.*)$`), "$1 is $2; it must be a whole number"},
	{regexp.MustCompile(`^(--?[\w-]+): expected a valid \d+ bit uint but got (.*)$`), "$1 is $2; it must be a whole number that is not negative"},
	{regexp.MustCompile(`^(--?[\w-]+): expected a float but got ("[^"]*").*$`), "$1 is $2; it must be a number"},
	{regexp.MustCompile(`^(--?[\w-]+): bool value must be .* but got (.*)$`), "$1 is $2; it is a switch and takes no value"},
}

// missingArgument matches the parser's message about a missing argument.
var missingArgument = regexp.MustCompile(`^(?:expected|missing positional arguments) "?<([^>]+)>`)

// field matches the fields of package runs that its messages name.
var field = regexp.MustCompile(`\b(?:Options|Overrides|Sweep)\.([A-Z]\w*)`)

// inWord matches where a word begins inside the name of a field.
var inWord = regexp.MustCompile(`([a-z])([A-Z])`)

// withFlags replaces the names of a library's fields and functions by the flags and
// commands that stand for them: Options.ResumeFrom by --resume-from.
func withFlags(text string) string {
	text = field.ReplaceAllStringFunc(text, func(name string) string {
		_, name, _ = strings.Cut(name, ".")
		return "--" + strings.ToLower(inWord.ReplaceAllString(name, "$1-$2"))
	})
	return library.Replace(text)
}

// library replaces what else messages name of the libraries by the commands and flags for it.
var library = strings.NewReplacer(
	"dataset.Validate", "etude validate",
	"; Run.DetectAnomaly finds it", "",
	"continue that run with Run.Resume, or set Run.Replace to remove them", "continue it with --resume, or replace it with --force",
	"Model.Export names", "`etude inspect` lists its weights, and `etude export` names",
)

// rephrased explains what is wrong with a command line, and names the help to read.
func rephrased(err error) error {
	text, command, usage := strings.TrimSuffix(withFlags(err.Error()), "."), "etude", ""
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			command += " " + node.Name
			for _, argument := range node.Positional {
				usage += " " + strings.ToUpper(argument.Name)
			}
		}
	}
	if m := missingArgument.FindStringSubmatch(text); m != nil {
		text = fmt.Sprintf("%s is missing in %s%s", strings.ToUpper(m[1]), command, usage)
	}
	for _, c := range clearer {
		if c.pattern.MatchString(text) {
			text = c.pattern.ReplaceAllString(text, c.text)
			break
		}
	}
	return fmt.Errorf("%s; see %s --help", text, command)
}

// packages lists the package names that begin the errors of libraries. They help Go
// programmers; users of the command know networks and files.
var packages = []string{
	"audio", "cache", "collection", "cuda", "data", "dataset", "demo", "dist", "inspect", "libtorch", "midi", "nn", "onnx", "optim", "pt", "safetensors",
	"torch", "trainer",
}

// sentence returns an error in the words of the command: with flags for fields, without
// the names of packages at its beginning, and with the name of a network there once.
func sentence(err error) error {
	lines := strings.Split(withFlags(err.Error()), "\n")
	for i, line := range lines {
		var kept, dropped []string
		parts := strings.Split(line, ": ")
		for len(parts) > 1 {
			switch part := parts[0]; {
			case slices.Contains(packages, part) && !slices.Contains(dropped, part): // again it is a file of that name
				dropped = append(dropped, part)
			case strings.HasPrefix(part, "rank "): // what another process of a group says
				kept = append(kept, part)
			case slices.Contains(models.Names(), part):
				if !slices.Contains(kept, part) {
					kept = append(kept, part)
				}
			default:
				goto rest
			}
			parts = parts[1:]
		}
	rest:
		lines[i] = strings.Join(append(kept, parts...), ": ")
	}
	return errors.New(strings.Join(lines, "\n"))
}

// oneNetwork finds the network of a command that takes one.
func oneNetwork(name string) (models.Spec, error) {
	if name == "all" {
		return models.Spec{}, fmt.Errorf("name one network; there are %s", strings.Join(models.Names(), ", "))
	}
	list, err := runs.Select(name)
	if err != nil {
		return models.Spec{}, err
	}
	return list[0], nil
}

// checkPath makes sure that what a flag names is there.
func checkPath(flag, path string) error {
	_, err := os.Stat(path)
	return named(flag, path, err)
}

// checkWritable reports before the work what would keep a file, if one is named, from being
// written after it.
func checkWritable(flag, path string) error {
	if path == "" {
		return nil
	}
	d, err := wholefile.NewDraft(path, func(io.Writer) error { return nil })
	if err == nil {
		d.Discard()
	}
	return named(flag, path, err)
}

// named begins an error of the system with the flag that named the path.
func named(flag, path string, err error) error {
	if err == nil {
		return nil
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok && cause.Path == path {
		err = cause.Err // the path is in the text already
	}
	return fmt.Errorf("%s %s: %w", flag, path, err)
}

// sayRights reports once, after an error about permissions, as which user the command
// runs: in a container that is often not the user who started it.
func (e *Env) sayRights(err error) {
	if e.saidRights || !errors.Is(err, fs.ErrPermission) {
		return
	}
	e.saidRights = true
	e.say(`etude: this runs as user %d of group %d, who may not do that; a container runs as you with --user "$(id -u):$(id -g)", in rootless Podman with --userns keep-id besides`, os.Getuid(), os.Getgid())
}

// count returns "1 file", "2 files" and so on.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
