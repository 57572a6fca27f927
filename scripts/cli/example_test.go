// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli_test

import (
	"fmt"
	"os"

	"github.com/etude-ml/etude/scripts/cli"
)

// A program's main function is os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)),
// after an init function that registers the program's networks.
func ExampleMain() {
	code := cli.Main([]string{"train", "tempo", "--data", "music"}, os.Stdout, os.Stdout)
	fmt.Println("exit code", code)
	// Output:
	// etude: train: network "tempo" is not known; there are emotion, melody, harmony, dynamics, groove; see etude train --help
	// exit code 2
}
