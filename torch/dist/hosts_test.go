// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch/torchtest"
)

// programs returns this program on both hosts.
func programs(h torchtest.Hosts) []*exec.Cmd {
	return []*exec.Cmd{h.Command(0, os.Args[0]), h.Command(1, os.Args[0])}
}

// Over a link that delays packets and loses every twentieth two hosts train as one does, bit
// for bit.
func TestBadLink(t *testing.T) {
	torchtest.Need(t)
	hosts := torchtest.NewHosts(t)
	hosts.Spoil(t)
	want := train(t, "mlp", "go", "go")[0]
	for _, p := range startAt(t, "10.77.0.1", "mlp", programs(hosts)) {
		assert.Equal(t, want, p.result(t))
	}
}

// When the link between two hosts is cut, both ranks end within the timeout and name the
// other's address.
func TestLinkIsCut(t *testing.T) {
	torchtest.Need(t)
	began := time.Now()
	for rank, p := range startAt(t, "10.77.0.1", "mlp", programs(torchtest.NewHosts(t)), failVariable+"=wire1", timeoutVariable+"=4") {
		assert.Equal(t, 3, p.End())
		other := 1 - rank
		assert.Regexp(t, fmt.Sprintf(`dist: rank %d of 2: .*: rank %d \(10\.77\.0\.%d:\d+\) does not answer`, rank, other, other+1), p.Said())
		t.Logf("%v after the start: %s", time.Since(began), p.Said())
	}
}

// On a slow link, and with little memory for what is on its way, rank 0 has often sent all of its
// gradients when rank 1 dies in the middle of its own, so that no attempt to send shows the loss.
func TestRankFailsOnASlowLink(t *testing.T) {
	torchtest.Need(t)
	hosts := torchtest.NewHosts(t)
	for host := range hosts {
		script := fmt.Sprintf(`set -e
			for f in rmem wmem; do echo 4096 8192 8192 > /proc/sys/net/ipv4/tcp_$f; done
			tc qdisc add dev wire%d root tbf rate 40mbit burst 16kb limit 40kb`, host)
		if out, err := hosts.Command(host, "sh", "-c", script).CombinedOutput(); err != nil {
			t.Skip("a slow link needs tbf, and small buffers: ", err, string(out))
		}
	}
	for range 3 {
		endsAtOnce(t, "backward", startAt(t, "10.77.0.1", "backward", programs(hosts), timeoutVariable+"=40"))
	}
}
