// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
)

// Where libtorch is absent a tensor is a clear error, not a crash. The test runs
// itself again in an environment where nothing can be found.
func TestWithoutLibtorch(t *testing.T) {
	if os.Getenv("ETUDE_TEST_ABSENT") == "1" {
		fmt.Println("init:", torch.Init())
		fmt.Println("tensor:", torch.Try(func() { torch.Ones([]int{2}) }))
		fmt.Println("scope:", torch.Try(func() { torch.Scope(func() {}) }))
		fmt.Println("devices:", torch.DeviceCount(torch.DeviceCUDA), torch.CheckDevice(torch.CUDA(0)) != nil, torch.CUDA(1))
		fmt.Println("live:", torch.Live())
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutLibtorch$", "-test.v")
	home := t.TempDir()
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ETUDE_") && !strings.HasPrefix(v, "LIBTORCH=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "ETUDE_TEST_ABSENT=1", "ETUDE_HOME="+home, "HOME="+home, "XDG_CACHE_HOME="+home)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, what := range []string{"init: ", "tensor: torch: ones: ", "scope: torch: Scope: "} {
		assert.Regexp(t, what+"libtorch.*etude setup", string(out))
	}
	assert.Contains(t, string(out), "devices: 0 true cuda:1")
	assert.Contains(t, string(out), "live: {0 0 0}")
	left, err := os.ReadDir(home)
	require.NoError(t, err)
	assert.Empty(t, left, "nothing is written")
}
