// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"os"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/etude-ml/etude/torch/libtorch"
)

// runtimeMutex guards the start of ONNX Runtime. The process has one environment, which
// is never destroyed, because other code may have sessions in it.
var runtimeMutex sync.Mutex

// startRuntime loads ONNX Runtime, unless it is loaded already. After a failure the
// next call tries again.
func startRuntime() error {
	runtimeMutex.Lock()
	defer runtimeMutex.Unlock()
	if ort.IsInitialized() {
		return nil
	}
	path, err := libtorch.LocateONNXRuntime()
	if err != nil {
		return fmt.Errorf("onnx: ONNX Runtime cannot be used: %w", err)
	}
	ort.SetSharedLibraryPath(path)
	if err := silence(); err != nil {
		return err
	}
	// Every fault comes back as an error, so the library need not log it too.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		fix := "`etude setup` installs the right one"
		if os.Getenv("ETUDE_ONNXRUNTIME") != "" {
			fix = "$ETUDE_ONNXRUNTIME names it: unset it, and " + fix
		}
		// The text of the wrapper only has the number of a step.
		if strings.Contains(err.Error(), "Error setting ORT API base") {
			return fmt.Errorf("onnx: ONNX Runtime at %s is too old: version 1.24 or later is needed; %s", path, fix)
		}
		return fmt.Errorf("onnx: ONNX Runtime at %s cannot be loaded: %w; %s", path, err, fix)
	}
	return nil
}

// silence keeps ONNX Runtime's telemetry off: the wheel of 1.32 writes an identity
// of the machine and a database of events into the user's cache. The switch is
// read when the library starts, so the switch of the API comes too late.
func silence() error {
	const name = "ORT_DISABLE_TELEMETRY"
	if _, set := os.LookupEnv(name); set {
		return nil
	}
	return os.Setenv(name, "1")
}
