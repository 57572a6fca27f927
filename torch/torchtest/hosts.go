// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Hosts are two network namespaces, with 10.77.0.1 and 10.77.0.2, the addresses of the devices
// wire0 and wire1, the ends of a cable.
type Hosts [2]string

// NewHosts makes hosts for as long as a test runs, and skips it where that is not permitted.
func NewHosts(t *testing.T) (h Hosts) {
	for i := range h {
		h[i] = fmt.Sprintf("etude-%d-%d", i, os.Getpid())
		if _, err := call("ip", "netns", "add", h[i]); err != nil {
			t.Skip("two hosts need network namespaces: ", err)
		}
		t.Cleanup(func() {
			if _, err := call("ip", "netns", "del", h[i]); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := call("ip", "-n", h[0], "link", "add", "wire0", "type", "veth", "peer", "name", "wire1", "netns", h[1]); err != nil {
		t.Skip("two hosts need virtual network devices: ", err)
	}
	for i, name := range h {
		wire := fmt.Sprint("wire", i)
		for _, args := range []string{fmt.Sprintf("addr add 10.77.0.%d/24 dev %s", i+1, wire), "link set " + wire + " up", "link set lo up"} {
			if _, err := call("ip", append([]string{"-n", name}, strings.Fields(args)...)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	return h
}

// Command returns a command that runs on a host.
func (h Hosts) Command(host int, name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", h[host], name}, args...)...)
}

// Spoil makes the link delay all packets and lose every twentieth, and skips the test where the
// kernel cannot. At the end of the test some must have been lost.
func (h Hosts) Spoil(t *testing.T) {
	for i, name := range h {
		add := []string{"-n", name, "qdisc", "add", "dev", fmt.Sprint("wire", i), "root"}
		if _, err := call("tc", append(add, "netem", "delay", "20ms")...); err != nil {
			t.Log(err) // a kernel without netem has a slow link, on which packets wait for 30 ms
			if _, err = call("tc", append(add, strings.Fields("tbf rate 400kbit burst 1600 limit 3200")...)...); err != nil {
				t.Skip("a slow link needs netem or tbf: ", err)
			}
		}
		tables := func(args string) (string, error) {
			return call("ip", append([]string{"netns", "exec", name, "iptables"}, strings.Fields(args)...)...)
		}
		if _, err := tables("-A INPUT -m statistic --mode nth --every 20 --packet 0 -j DROP"); err != nil {
			t.Skip("a lossy link needs iptables: ", err)
		}
		t.Cleanup(func() {
			rules, err := tables("-L INPUT -n -v -x")
			if !regexp.MustCompile(`(?m)^ *[1-9]\d* +\d+ DROP`).MatchString(rules) {
				t.Error("nothing was lost: ", rules, err)
			}
		})
	}
}

// Link cuts the link for "down", and joins it again for "up".
func (h Hosts) Link(t *testing.T, state string) {
	if _, err := call("ip", "-n", h[1], "link", "set", "dev", "wire1", state); err != nil {
		t.Fatal(err)
	}
}

// call calls ip or tc, and returns what it prints.
func call(command string, args ...string) (string, error) {
	out, err := exec.Command(command, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", command, strings.Join(args, " "), err, out)
	}
	return string(out), err
}
