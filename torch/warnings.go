// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

var warningHandler atomic.Pointer[func(string)]

// SetWarningHandler makes f receive libtorch's own warnings, such as that an operator is
// deprecated. text is libtorch's own. f is called on the goroutine whose operation
// caused the warning, or on another one that is calling libtorch just then, so it must be
// safe for several goroutines at once. By default, and with nil, each warning is
// printed to the standard error once, on one line. (libtorch itself prints the warnings
// of an operator's helper threads.)
func SetWarningHandler(f func(text string)) {
	if f == nil {
		warningHandler.Store(nil)
		return
	}
	warningHandler.Store(&f)
}

func init() {
	ctorch.OnWarning = func(text string) {
		if f := warningHandler.Load(); f != nil {
			(*f)(text)
			return
		}
		printWarning(text)
	}
}

// mostPrinted bounds the memory for texts that differ each time, as with a shape.
const mostPrinted = 1000

var (
	printedMutex sync.Mutex
	shown        = map[string]bool{}
)

func printWarning(text string) {
	line := strings.Join(strings.Fields(text), " ")
	printedMutex.Lock()
	defer printedMutex.Unlock()
	if shown[line] || len(shown) == mostPrinted {
		return
	}
	shown[line] = true
	fmt.Fprintln(os.Stderr, "libtorch warns: "+line)
}
