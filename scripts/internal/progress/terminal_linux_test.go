// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pseudoTerminal opens a terminal of the kernel's and the end at which what is
// written to it comes out.
func pseudoTerminal(t *testing.T, width int) (terminal, end *os.File) {
	t.Helper()
	end, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { end.Close() })
	fd := int(end.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(width)}))
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal, end
}

func TestPseudoTerminal(t *testing.T) {
	defer noneLeft(t)
	for _, width := range []int{100, 50, 40} {
		terminal, end := pseudoTerminal(t, width)
		screen := newEmulator(t, width)
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _ = io.Copy(screen, end) // ends with an error when the terminal is closed
		}()
		g := NewGroup(terminal, true)
		var wg sync.WaitGroup
		for i, name := range []string{"emotion", "melody", "harmony", "dynamics", "groove"} {
			j := g.Start(name+": training", Epochs, 20)
			wg.Go(func() {
				for epoch := range int64(20) {
					j.Set(epoch+1, fmt.Sprintf("loss %.5f, validation %.5f", 1/float64(epoch+7), 1/float64(epoch+5)))
					if epoch == 10 {
						g.Say("%s: saved", name)
					}
					time.Sleep(time.Duration(15+5*i) * time.Millisecond)
				}
				j.Finish("20 epochs")
			})
		}
		wg.Wait()
		require.NoError(t, terminal.Close())
		<-read
		lines := screen.text()
		require.Len(t, lines, 10, "width %d", width)
		assert.ElementsMatch(t, []string{"emotion: saved", "melody: saved", "harmony: saved", "dynamics: saved", "groove: saved"}, lines[:5])
		assert.Equal(t, `emotion: training: 20 epochs (T)
melody: training: 20 epochs (T)
harmony: training: 20 epochs (T)
dynamics: training: 20 epochs (T)
groove: training: 20 epochs (T)`, untimed(strings.Join(lines[5:], "\n")))
		assert.Zero(t, screen.wraps, "a line is longer than the %d columns", width)
		assert.Greater(t, screen.writes, 3, "nothing was live")
	}
}
