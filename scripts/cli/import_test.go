// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/dataset/collection"
)

// etude runs a command line.
func etude(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(args, &out, &err)
	return code, out.String(), err.String()
}

func TestImport(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "data")
	for _, name := range []string{"03a01Fa.wav", "03a01Wb.wav", "a.wav", "b.wav", "c.wav", "d.wav"} {
		require.NoError(t, os.WriteFile(filepath.Join(from, name), []byte(name), 0o600))
	}
	code, out, errs := etude("import", "emodb", "--from", from, "--to", to)
	assert.Equal(t, exitDone, code, errs)
	assert.Regexp(t, `(?m)^audio +2 +2 +0 +0 +2 +0 +0 +`, out)
	assert.Regexp(t, `(?m)^4 +not called 03a01Fa\.wav, by speaker, text and emotion +a\.wav, b\.wav, c\.wav, …$`, out)
	assert.Contains(t, out, "2 imported from "+from+", 4 left out\n")
	assert.FileExists(t, filepath.Join(to, "training/audio/emodb/03a01Fa.wav"))

	code, out, errs = etude("import", "emodb", "--from", from, "--to", to, "--json")
	assert.Equal(t, exitDone, code, errs)
	var report collection.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report), "one JSON value and nothing else")
	require.Len(t, report.Kinds, 1)
	assert.Equal(t, 2, report.Kinds[0].Unchanged)
	assert.Len(t, report.LeftOut, 4)

	labels := filepath.Join(to, "training/audio/labels.csv")
	require.NoError(t, os.WriteFile(labels, []byte("filename,valence,arousal\nemodb/03a01Fa.wav,0,0\n"), 0o600))
	code, out, errs = etude("import", "emodb", "--from", from, "--to", to)
	assert.Equal(t, exitFailed, code)
	assert.Empty(t, out)
	assert.Contains(t, errs, "give --replace")
	code, _, errs = etude("import", "emodb", "--from", from, "--to", to, "--replace")
	assert.Equal(t, exitDone, code, errs)
}

// Nothing to import is a report and a failure.
func TestImportNothing(t *testing.T) {
	from := t.TempDir()
	index := "drummer,session,bpm,midi_filename\nd1,s1,120,gone.mid\n"
	require.NoError(t, os.WriteFile(filepath.Join(from, "info.csv"), []byte(index), 0o600))
	code, out, errs := etude("import", "groove", "--from", from, "--to", filepath.Join(from, "data"))
	assert.Equal(t, exitFailed, code)
	assert.Empty(t, errs)
	assert.Regexp(t, `(?m)^1 +no MIDI file for this entry of the index +gone\.mid$`, out)
	assert.Contains(t, out, "0 imported")
	assert.NoDirExists(t, filepath.Join(from, "data"))
}

func TestImportUsage(t *testing.T) {
	for says, args := range map[string][]string{
		"name a collection; there are deam,":              {"--from", "x", "--to", "y"},
		`collection "deem" is not known; there are deam,`: {"deem", "--from", "x", "--to", "y"},
		"--from is missing":                               {"deam", "--to", "y"},
		"--to is missing":                                 {"deam", "--from", "x"},
		"--list stands alone":                             {"deam", "--list"},
	} {
		code, out, errs := etude(append([]string{"import"}, args...)...)
		assert.Equal(t, exitUsage, code, says)
		assert.Empty(t, out)
		assert.Contains(t, errs, says)
	}
	for _, args := range [][]string{{"import", "--list"}, {"import", "--help"}, {"import", "--list", "--json"}} {
		code, out, errs := etude(args...)
		assert.Equal(t, exitDone, code, errs)
		for _, name := range collection.Names() {
			assert.Contains(t, out, name)
		}
	}
	_, out, _ := etude("import", "--list", "--json")
	var list []collection.Info
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	assert.Equal(t, collection.List(), list)
}

// A folder that is not there is called by its flag.
func TestFlagOfFolder(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	for flag, args := range map[string][]string{
		"--from":  {"import", "deam", "--from", nowhere, "--to", nowhere},
		"--data":  {"validate", "--data", nowhere},
		"--data ": {"train", "melody", "--data", nowhere, "--out", nowhere},
		" --data": {"evaluate", nowhere, "--data", nowhere},
	} {
		code, out, errs := etude(args...)
		assert.Equal(t, exitFailed, code, args)
		assert.Empty(t, out)
		assert.Contains(t, errs, strings.TrimSpace(flag)+" "+nowhere+": no such file or directory")
	}
}

// A cache that another user may write to is reported once and not used.
func TestCacheOfOthers(t *testing.T) {
	data, kept := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(data, "dynamics_midi"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(data, "dynamics_midi", "a.mid"), []byte("MThd"), 0o600))
	require.NoError(t, os.Chmod(kept, 0o777))
	_, _, errs := etude("validate", "--data", data, "--cache", kept)
	assert.Equal(t, 1, strings.Count(errs, "features are not kept: cache: "+kept+" may be written by other users"), errs)
	files, err := os.ReadDir(kept)
	require.NoError(t, err)
	assert.Empty(t, files)
}
