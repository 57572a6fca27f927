// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// ip calls ip or tc, and returns what it prints and says.
func ip(command string, args ...string) (string, error) {
	out, err := exec.Command(command, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", command, strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// hosts makes two network namespaces, 10.77.0.1 and 10.77.0.2, whose devices wire0 and wire1 are
// the ends of a cable, and a program in each. It skips the test where that is not permitted.
func hosts(t *testing.T) (names []string, cmds []*exec.Cmd) {
	names = []string{fmt.Sprintf("etude-a-%d", os.Getpid()), fmt.Sprintf("etude-b-%d", os.Getpid())}
	for _, name := range names {
		if _, err := ip("ip", "netns", "add", name); err != nil {
			t.Skip("two hosts need network namespaces: ", err)
		}
		t.Cleanup(func() {
			_, err := ip("ip", "netns", "del", name)
			assert.NoError(t, err)
		})
		cmds = append(cmds, exec.Command("ip", "netns", "exec", name, os.Args[0]))
	}
	if _, err := ip("ip", "-n", names[0], "link", "add", "wire0", "type", "veth", "peer", "name", "wire1", "netns", names[1]); err != nil {
		t.Skip("two hosts need virtual network devices: ", err)
	}
	for i, device := range []string{"wire0", "wire1"} {
		for _, args := range [][]string{{"addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", device}, {"link", "set", device, "up"}, {"link", "set", "lo", "up"}} {
			_, err := ip("ip", append([]string{"-n", names[i]}, args...)...)
			require.NoError(t, err)
		}
	}
	return names, cmds
}

// Over a link that delays packets and loses every twentieth two hosts train as one does, bit
// for bit.
func TestBadLink(t *testing.T) {
	torchtest.Need(t)
	names, cmds := hosts(t)
	for i, name := range names {
		add := []string{"-n", name, "qdisc", "add", "dev", fmt.Sprint("wire", i), "root"}
		if _, err := ip("tc", append(add, "netem", "delay", "20ms")...); err != nil {
			t.Log(err) // a kernel without netem has a slow link, on which packets wait for 30 ms
			if _, err = ip("tc", append(add, strings.Fields("tbf rate 400kbit burst 1600 limit 3200")...)...); err != nil {
				t.Skip("a slow link needs netem or tbf: ", err)
			}
		}
		if _, err := ip("ip", append([]string{"netns", "exec", name, "iptables"}, strings.Fields("-A INPUT -m statistic --mode nth --every 20 --packet 0 -j DROP")...)...); err != nil {
			t.Skip("a lossy link needs iptables: ", err)
		}
	}
	want := train(t, "mlp", "go", "go")[0]
	for _, p := range startAt(t, "10.77.0.1", "mlp", cmds) {
		assert.Equal(t, want, p.result(t))
	}
	for _, name := range names {
		rules, err := ip("ip", "netns", "exec", name, "iptables", "-L", "INPUT", "-n", "-v", "-x")
		require.NoError(t, err)
		assert.Regexp(t, `(?m)^ *[1-9]\d* +\d+ DROP`, rules, "nothing was lost")
		t.Log(rules)
	}
}

// When the link between two hosts is cut, both ranks end within the timeout and name the
// other's address.
func TestLinkIsCut(t *testing.T) {
	torchtest.Need(t)
	_, cmds := hosts(t)
	began := time.Now()
	for rank, p := range startAt(t, "10.77.0.1", "mlp", cmds, failVariable+"=wire1", timeoutVariable+"=4") {
		assert.Equal(t, 3, p.End())
		other := 1 - rank
		assert.Regexp(t, fmt.Sprintf(`dist: rank %d of 2: .*: rank %d \(10\.77\.0\.%d:\d+\) does not answer`, rank, other, other+1), p.Said())
		t.Logf("%v after the start: %s", time.Since(began), p.Said())
	}
}
