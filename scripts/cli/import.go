// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models/dataset/collection"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/torch/data"
)

type importCommand struct {
	Name    string `arg:"" optional:"" help:"The collection; --list names them."`
	From    string `placeholder:"DIR|ZIP" help:"Where the collection is: a folder, or a zip archive."`
	To      string `placeholder:"DATA" help:"Data folder that it goes into."`
	Replace bool   `help:"Where DATA has another label or file of the same name, take the collection's."`
	List    bool   `help:"List the collections: what they become, what to download, under which licence."`
	JSON    bool   `name:"json" help:"Print the report, or the list, as one JSON value."`
}

func (importCommand) Help() string {
	return `Brings a published collection into a data folder as training wants it: files into training/KIND/NAME (hard links where that can be, so what is changed there changes here; else copies), labels into the label file, which keeps what it held. Labels that the publisher does not give in these numbers are marked "derived", with what they were made from. Nothing is downloaded. Importing again changes nothing, an interrupted import is completed by another, and a label that says something else than the one in DATA is an error. Ends with exit code 1 if nothing could be imported. It needs no libtorch.

` + strings.Join(collection.Names(), ", ") + ` can be imported; etude import --list says what to download for each.

Examples:

    etude import --list
    etude import groove --from groove-v1.0.0-midionly.zip --to ~/music
    etude import deam --from ~/downloads/DEAM --to ~/music && etude validate --data ~/music`
}

// Validate refuses what is incomplete before anything is read.
func (c *importCommand) Validate() error {
	switch {
	case c.List && c.Name+c.From+c.To == "":
		return nil
	case c.List:
		return fmt.Errorf("--list stands alone")
	case c.Name == "":
		return fmt.Errorf("name a collection; there are %s", strings.Join(collection.Names(), ", "))
	case !slices.Contains(collection.Names(), c.Name):
		return fmt.Errorf("collection %q is not known; there are %s", c.Name, strings.Join(collection.Names(), ", "))
	case c.From == "":
		return fmt.Errorf("--from is missing: the folder or zip archive of the collection")
	case c.To == "":
		return fmt.Errorf("--to is missing: the data folder")
	}
	return nil
}

// Run imports a collection, or lists them all.
func (c *importCommand) Run(env *Env) error {
	if c.List {
		return env.result(c.JSON, collection.List(), printCollections, true)
	}
	if err := checkPath("--from", c.From); err != nil {
		return err
	}
	files := fileProgress{env: env, title: "importing"}
	report, err := collection.Import(env.Context, c.Name, collection.Options{From: c.From, To: c.To, Replace: c.Replace, Progress: files.set})
	files.finish("")
	if err != nil {
		return err
	}
	return env.result(c.JSON, report, func(w io.Writer) { printImport(w, report) }, report.Imported() > 0)
}

func printCollections(w io.Writer) {
	for i, c := range collection.List() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		plain.Fprintf(w, "%s: %s\n  becomes   %s\n  download  %s\n  licence   %s\n", c.Name, c.Title, c.Gives, c.Download, c.Licence)
	}
}

// printImport writes a table of what was imported, and one of what was not, by
// the reasons.
func printImport(w io.Writer, r *collection.Report) {
	t := newTable("kind", "imported", "linked", "copied", "unchanged", "labels added", "replaced", "unchanged", "folder")
	for _, k := range r.Kinds {
		t.row(k.Kind, k.Imported, k.Linked, k.Copied, k.Unchanged, k.Labels.Added, k.Labels.Replaced, k.Labels.Unchanged, k.Folder)
	}
	t.print(w)
	if len(r.LeftOut) > 0 {
		fmt.Fprintln(w)
		printLeftOut(w, r.LeftOut)
	}
	plain.Fprintf(w, "%d imported from %s, %d left out\n", r.Imported(), r.From, len(r.LeftOut))
}

func printLeftOut(w io.Writer, list []data.Skip) {
	const shown = 3 // names a reason; --json has all
	var reasons []string
	names := map[string][]string{}
	for _, s := range list {
		if names[s.Reason] == nil {
			reasons = append(reasons, s.Reason)
		}
		names[s.Reason] = append(names[s.Reason], s.Name)
	}
	t := newTable("left out", "reason", "names")
	for _, reason := range reasons {
		all := names[reason]
		text := strings.Join(all[:min(shown, len(all))], ", ")
		if len(all) > shown {
			text += ", …"
		}
		t.row(len(all), reason, text)
	}
	t.print(w)
}
