// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// archive is a zip file whose records were checked: each lies inside the file,
// none overlaps another, so all of them together are no larger than the file.
type archive struct {
	r         io.ReaderAt
	records   map[string]record // by the name without the folder
	bigEndian bool
	metadata  map[string]string // the facts in the small records
}

const (
	maxRecords    = 1 << 20
	maxPickle     = 512 << 20
	newestVersion = 10 // of the archive format, that PyTorch 2.15 reads
)

func openArchive(r io.ReaderAt, size int64) *archive {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are looked up, never opened
		if errors.Is(err, zip.ErrFormat) { // the end of every zip file is missing
			fail.With("damaged or cut short: it begins as a zip file, but the list of its records, at the end, is missing: the copy or the download of it did not finish; get it again")
		}
		fail.With("damaged or cut short: %w", err)
	}
	if len(z.File) > maxRecords {
		fail.With("%d records; at most %d are read", len(z.File), maxRecords)
	}
	refuseProgram(z.File)
	folder := findFolder(z.File)
	a := &archive{r: r, records: make(map[string]record, len(z.File)), metadata: map[string]string{}}
	all := make([]record, 0, len(z.File))
	for _, f := range z.File {
		rec, err := checkRecord(f, size)
		if err != nil {
			fail.With("record %q: %w", f.Name, err)
		}
		all = append(all, rec)
		name, inside := strings.CutPrefix(f.Name, folder+"/")
		if !inside {
			continue
		}
		if _, ok := a.records[name]; ok {
			fail.With("record %q is there twice", f.Name)
		}
		a.records[name] = rec
	}
	slices.SortFunc(all, func(x, y record) int { return cmp.Or(cmp.Compare(x.offset, y.offset), cmp.Compare(x.size, y.size)) })
	for i := 1; i < len(all); i++ {
		if all[i-1].offset+all[i-1].size > all[i].offset {
			fail.With("records %q and %q overlap", all[i-1].name, all[i].name)
		}
	}
	a.checkFormat()
	return a
}

// refuseProgram refuses archives that hold a program beside the data.
func refuseProgram(files []*zip.File) {
	for _, f := range files {
		_, name, _ := strings.Cut(f.Name, "/")
		switch {
		case name == "constants.pkl", strings.HasPrefix(name, "code/"):
			fail.With("it is a TorchScript program (torch.jit.save), not data; in Python, torch.save(torch.jit.load(path).state_dict(), \"weights.pt\") makes a file of its weights that is read")
		case name == "archive_format", strings.HasPrefix(name, "models/") && strings.HasSuffix(name, ".json"):
			fail.With("it is a program of torch.export, not data; in Python, torch.save(torch.export.load(path).state_dict, \"weights.pt\") makes a file of its weights that is read")
		}
	}
}

// findFolder returns the folder of the record data.pkl.
func findFolder(files []*zip.File) string {
	folder, found := "", false
	for _, f := range files {
		dir, name := path.Split(f.Name)
		if name != "data.pkl" || strings.Count(f.Name, "/") != 1 {
			continue
		}
		if found {
			fail.With("two folders, %q and %q, hold a data.pkl", folder, strings.TrimSuffix(dir, "/"))
		}
		folder, found = strings.TrimSuffix(dir, "/"), true
	}
	if !found {
		fail.With("a zip file, but not of torch.save: it has no FOLDER/data.pkl")
	}
	return folder
}

func checkRecord(f *zip.File, size int64) (record, error) {
	switch {
	case f.Method != zip.Store:
		return record{}, errors.New("is compressed, which torch.save never does; zip the unpacked files with `zip -0 -r`")
	case f.Flags&1 != 0:
		return record{}, errors.New("is encrypted")
	case f.UncompressedSize64 > uint64(size):
		return record{}, fmt.Errorf("is said to have %d bytes, in a file of %d", f.UncompressedSize64, size)
	case f.CompressedSize64 != f.UncompressedSize64:
		return record{}, fmt.Errorf("is stored, yet %d bytes become %d", f.CompressedSize64, f.UncompressedSize64)
	}
	offset, err := f.DataOffset()
	if err != nil {
		return record{}, fmt.Errorf("has a damaged header: %w", err)
	}
	n := int64(f.UncompressedSize64)
	if offset < 0 || offset > size-n {
		return record{}, fmt.Errorf("its %d bytes from %d on are beyond the end of the file, %d", n, offset, size)
	}
	return record{f.Name, offset, n, f.CRC32}, nil
}

// smallRecords lists the records with facts about an archive, and Inspect's names of
// these facts.
var smallRecords = [][2]string{{"byteorder", "byteorder"}, {"version", "version"}, {".data/serialization_id", "serialization_id"}}

// checkFormat reads the small records.
func (a *archive) checkFormat() {
	for _, r := range smallRecords {
		rec, ok := a.records[r[0]]
		if !ok || rec.size > 100 && r[0] == ".data/serialization_id" {
			continue
		}
		text := a.read(rec, 100)
		a.metadata[r[1]] = strings.TrimSpace(string(text))
		switch r[0] {
		case "byteorder":
			if a.bigEndian = string(text) == "big"; !a.bigEndian && string(text) != "little" {
				fail.With("its byte order is %q; little and big are read", text)
			}
		case "version":
			if n, err := strconv.Atoi(a.metadata["version"]); err != nil || n < 1 || n > newestVersion {
				fail.With("its format has the version %q; 1 to %d are read", text, newestVersion)
			}
		}
	}
}

// read returns the whole of a record of at most limit bytes.
func (a *archive) read(rec record, limit int64) []byte {
	if rec.size > limit {
		fail.With("record %q has %d bytes; at most %d are read", rec.name, rec.size, limit)
	}
	b := make([]byte, 0, rec.size)
	fail.On(rec.stream(a.r, func(_ int64, part []byte) error {
		b = append(b, part...)
		return nil
	}))
	return b
}

// find finds the record of a storage.
func (a *archive) find(s *storageSpec, item int) {
	rec, ok := a.records["data/"+s.key]
	if !ok {
		fail.With("storage %q has no record data/%s in the file", s.key, s.key)
	}
	if s.numel < 0 || int64(s.numel) > rec.size/int64(item) {
		fail.With("storage %q is said to have %d elements of %d bytes, but its record has %d bytes", s.key, s.numel, item, rec.size)
	}
	s.r, s.rec = a.r, rec
}
