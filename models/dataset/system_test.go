// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/dataset/cache"
)

// A file that the system fails to read is read again; if that fails too, the run
// stops with an error instead of going on without the file. Check lists it.
func TestFailuresOfTheSystem(t *testing.T) {
	files := map[string]string{"audio/labels.csv": "filename,valence,arousal\n"}
	for i := range 8 {
		files[fmt.Sprintf("audio/%d.wav", i)] = fmt.Sprint(i)
		files["audio/labels.csv"] += fmt.Sprintf("%d.wav,0,0\n", i)
	}
	root := folder(t, files)
	for errno, fix := range map[syscall.Errno]string{
		syscall.EIO: "check the disk", syscall.EMFILE: "ulimit -n", syscall.ENFILE: "ulimit -n", syscall.ENOMEM: "start again",
		syscall.EACCES: "the right to read it", syscall.ENOENT: "nobody changes the folder",
	} {
		for _, times := range []int32{1, 2, 1 << 30} {
			kept, err := cache.Open(t.TempDir())
			require.NoError(t, err)
			var failed atomic.Int32
			s := texts()
			read := s.Feature.Read
			s.Feature.Read = func(ctx context.Context, path string) (*Features, error) {
				if strings.HasSuffix(path, "3.wav") && failed.Add(1) <= times {
					return nil, fmt.Errorf("audio: %w", &fs.PathError{Op: "read", Path: path, Err: errno})
				}
				return read(ctx, path)
			}
			samples, err := s.Samples(context.Background(), root, Options{Cache: kept})
			if times < 3 {
				require.NoError(t, err)
				assert.Equal(t, 8, samples.Len())
				assert.Empty(t, samples.Skipped)
				continue
			}
			require.ErrorIs(t, err, errno)
			assert.ErrorContains(t, err, "3.wav")
			assert.ErrorContains(t, err, fix)
			assert.Nil(t, samples)
			section := check(t, s, root, Options{Cache: kept})
			assert.Contains(t, section.lines(), "error 3.wav: audio: read")
			assert.Equal(t, 7, section.Usable)
			require.NoError(t, kept.Close())
		}
	}
	// A fault of the content costs the file alone.
	s := texts()
	read := s.Feature.Read
	s.Feature.Read = func(ctx context.Context, path string) (*Features, error) {
		if strings.HasSuffix(path, "3.wav") {
			return nil, fmt.Errorf("%s: damaged", path)
		}
		return read(ctx, path)
	}
	samples, err := s.Samples(context.Background(), root, Options{})
	require.NoError(t, err)
	assert.Equal(t, 7, samples.Len())
	assert.Len(t, samples.Skipped, 1)
}
