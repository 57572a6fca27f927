// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"os"
	"slices"
	"strings"
)

// manager is a package manager: the distributions that have it, by ID and ID_LIKE of
// os-release, its command, and its names of what may be missing here.
type manager struct {
	distributions, install string
	compiler, pip          string
}

var managers = []manager{
	{"debian ubuntu", "apt-get install -y", "g++", "python3-pip"},
	{"fedora rhel centos amzn", "dnf install -y", "gcc-c++", "python3-pip"},
	{"arch", "pacman -S --noconfirm", "gcc", "python-pip"},
	{"alpine", "apk add", "g++", "py3-pip"},
	{"suse opensuse", "zypper install -y", "gcc-c++", "python3-pip"},
}

func compilerPackage(m manager) string { return m.compiler }

func pipPackage(m manager) string { return m.pip }

// osReleaseFile is a variable for the tests.
var osReleaseFile = "/etc/os-release"

// lacking is an error that a package of the distribution fixes.
type lacking struct {
	what    string
	command string // that installs the package; "" on an unknown distribution
	name    string // of the package on Debian
}

func lacks(what string, name func(manager) string) *lacking {
	l := &lacking{what: what, name: name(managers[0])}
	text, err := os.ReadFile(osReleaseFile)
	if err != nil {
		text, _ = os.ReadFile("/usr/lib/os-release")
	}
	if m := managerOf(string(text)); m.install != "" {
		l.command = m.install + " " + name(m)
		if os.Geteuid() != 0 {
			l.command = "sudo " + l.command
		}
	}
	return l
}

func (l *lacking) Error() string {
	if l.command == "" {
		return "libtorch: " + l.what + "; install your distribution's package for it (on Debian: " + l.name + ")"
	}
	return "libtorch: " + l.what + "; install it: `" + l.command + "`"
}

// managerOf finds the package manager in the text of os-release; the zero value stands
// for an unknown distribution.
func managerOf(osRelease string) manager {
	fields := map[string]string{}
	for line := range strings.Lines(osRelease) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[key] = strings.Trim(value, `"'`)
		}
	}
	for id := range strings.FieldsSeq(fields["ID"] + " " + fields["ID_LIKE"]) {
		id, _, _ = strings.Cut(id, "-") // opensuse-leap
		for _, m := range managers {
			if slices.Contains(strings.Fields(m.distributions), id) {
				return m
			}
		}
	}
	return manager{}
}
