// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"os"
	"strings"
)

// A systemPackage is something that the distribution brings, by the package's
// name for each package manager.
type systemPackage map[string]string

var (
	compilerPackage = systemPackage{"apt": "g++", "dnf": "gcc-c++", "pacman": "gcc", "apk": "g++", "zypper": "gcc-c++"}
	pipPackage      = systemPackage{"apt": "python3-pip", "dnf": "python3-pip", "pacman": "python-pip", "apk": "py3-pip", "zypper": "python3-pip"}
)

var installCommands = map[string]string{
	"apt":    "apt-get install -y ",
	"dnf":    "dnf install -y ",
	"pacman": "pacman -S --noconfirm ",
	"apk":    "apk add ",
	"zypper": "zypper install -y ",
}

// managers maps ID and ID_LIKE of os-release to the package manager.
var managers = map[string]string{
	"debian": "apt", "ubuntu": "apt",
	"fedora": "dnf", "rhel": "dnf", "centos": "dnf", "amzn": "dnf",
	"arch":   "pacman",
	"alpine": "apk",
	"suse":   "zypper", "opensuse": "zypper",
}

// osReleaseFile is a variable for the tests.
var osReleaseFile = "/etc/os-release"

// A lacking is an error that a distribution's package mends.
type lacking struct {
	what    string
	command string // that installs the package; "" on an unknown distribution
	name    string // the package's, on Debian
}

func lacks(what string, p systemPackage) *lacking {
	return &lacking{what, packageCommand(p), p["apt"]}
}

func (l *lacking) Error() string {
	if l.command == "" {
		return "libtorch: " + l.what + "; install your distribution's package for it (on Debian: " + l.name + ")"
	}
	return "libtorch: " + l.what + "; install it: `" + l.command + "`"
}

// packageCommand is the one command that installs a package here; "" on an
// unknown distribution.
func packageCommand(p systemPackage) string {
	text, err := os.ReadFile(osReleaseFile)
	if err != nil {
		text, _ = os.ReadFile("/usr/lib/os-release")
	}
	manager := managerOf(string(text))
	if manager == "" {
		return ""
	}
	command := installCommands[manager] + p[manager]
	if os.Geteuid() != 0 {
		command = "sudo " + command
	}
	return command
}

// managerOf finds the package manager in the text of os-release; "" if it is a
// distribution that is not known here.
func managerOf(osRelease string) string {
	fields := map[string]string{}
	for line := range strings.Lines(osRelease) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[key] = strings.Trim(value, `"'`)
		}
	}
	for _, id := range strings.Fields(fields["ID"] + " " + fields["ID_LIKE"]) {
		id, _, _ = strings.Cut(id, "-") // opensuse-leap
		if m := managers[id]; m != "" {
			return m
		}
	}
	return ""
}
