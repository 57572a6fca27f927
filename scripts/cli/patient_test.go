// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPatientWrites(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var b strings.Builder
	p := newPatient(ctx, &b)
	for _, text := range []string{"one ", "two ", "three"} {
		n, err := io.WriteString(p, text)
		require.NoError(t, err)
		assert.Len(t, text, n)
	}
	cancel()
	_, err := io.WriteString(p, " four")
	require.NoError(t, err, "an interrupt alone ends no output")
	assert.Equal(t, "one two three four", b.String())
}

func TestPatientGivesUpAfterAnInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe() // it has no reader
	p := newPatient(ctx, w)
	failed := make(chan error)
	for range 3 {
		go func() { _, err := p.Write([]byte("x")); failed <- err }()
	}
	select {
	case err := <-failed:
		t.Fatalf("nobody interrupted it: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	for range 3 {
		assert.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
	}
	_, err := p.Write([]byte("x"))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, r.Close())
}
