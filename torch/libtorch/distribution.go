// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"os"
	"strings"
)

// systemPackage is the name that each package manager has for a package.
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

// lacking is an error that a package of the distribution fixes.
type lacking struct {
	what    string
	command string // that installs the package; "" on an unknown distribution
	name    string // of the package on Debian
}

func lacks(what string, p systemPackage) *lacking {
	l := &lacking{what: what, name: p["apt"]}
	text, err := os.ReadFile(osReleaseFile)
	if err != nil {
		text, _ = os.ReadFile("/usr/lib/os-release")
	}
	if manager := managerOf(string(text)); manager != "" {
		l.command = installCommands[manager] + p[manager]
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

// managerOf finds the package manager in the text of os-release; "" for an unknown
// distribution.
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
