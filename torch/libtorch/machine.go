// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// machine reads the system, for doctor. The zero value is this machine; tests have
// their own.
type machine struct {
	root     string                  // in front of /proc, /sys, /dev and /run
	open     func(path string) error // tries a device file
	patience time.Duration           // with the driver
}

// graphics holds what a machine shows of NVIDIA's GPUs before any library is loaded.
type graphics struct {
	pci       []pciDevice
	module    string   // version of the loaded kernel module, "580.95.05"
	nodes     []string // the device files /dev/nvidia0 …
	control   bool     // /dev/nvidiactl
	uvm       bool     // /dev/nvidia-uvm
	refused   string   // the first device file that may not be opened
	group     string   // that file's
	wsl       bool     // Windows' kernel for Linux
	wslDriver bool     // with Windows' driver for NVIDIA
	container string   // "", or one of the kinds below
	asked     string   // $NVIDIA_VISIBLE_DEVICES
	slurm     bool     // in a job of Slurm's
}

// The kinds of container, by what starts them.
const (
	inDocker     = "docker" // and similar ones
	inPodman     = "podman"
	inKubernetes = "kubernetes"
	inApptainer  = "apptainer"
)

// pciDevice is a GPU on the bus.
type pciDevice struct {
	slot   string // "0000:01:00.0"
	driver string // kernel driver that holds it: "nvidia", "nouveau", "vfio-pci" or ""
}

// present reports whether there is an NVIDIA GPU.
func (g *graphics) present() bool {
	return len(g.pci) > 0 || len(g.nodes) > 0 || g.wslDriver
}

func (m machine) path(name string) string { return filepath.Join(m.root, name) }

// look reads it all, in about a millisecond.
func (m machine) look() *graphics {
	g := &graphics{module: m.moduleVersion(), container: m.container()}
	g.pci = m.pciDevices()
	all, _ := filepath.Glob(m.path("/dev/nvidia[0-9]*"))
	for _, path := range all {
		g.nodes = append(g.nodes, strings.TrimPrefix(path, m.root))
	}
	g.control, g.uvm = exists(m.path("/dev/nvidiactl")), exists(m.path("/dev/nvidia-uvm"))
	kernel, _ := os.ReadFile(m.path("/proc/version"))
	g.wsl = strings.Contains(strings.ToLower(string(kernel)), "microsoft")
	g.wslDriver = exists(m.path("/usr/lib/wsl/lib/libcuda.so.1"))
	g.asked, g.slurm = os.Getenv("NVIDIA_VISIBLE_DEVICES"), os.Getenv("SLURM_JOB_ID") != ""
	return g
}

// tryNodes opens the device files, because a container's rules can refuse what the
// files' modes allow.
func (m machine) tryNodes(g *graphics) {
	open := m.open
	if open == nil {
		open = openDevice
	}
	for _, name := range append([]string{"/dev/nvidiactl", "/dev/nvidia-uvm"}, g.nodes...) {
		if err := open(m.path(name)); errors.Is(err, fs.ErrPermission) {
			g.refused, g.group = name, groupOf(m.path(name))
			return
		}
	}
}

// pciDevices lists NVIDIA's display controllers: vendor 0x10de, class 0x03….
func (m machine) pciDevices() []pciDevice {
	var found []pciDevice
	dirs, _ := filepath.Glob(m.path("/sys/bus/pci/devices/*"))
	for _, dir := range dirs {
		vendor, err1 := os.ReadFile(filepath.Join(dir, "vendor"))
		class, err2 := os.ReadFile(filepath.Join(dir, "class"))
		if err1 != nil || err2 != nil || strings.TrimSpace(string(vendor)) != "0x10de" || !strings.HasPrefix(string(class), "0x03") {
			continue
		}
		d := pciDevice{slot: filepath.Base(dir)}
		if link, err := os.Readlink(filepath.Join(dir, "driver")); err == nil {
			d.driver = filepath.Base(link)
		}
		found = append(found, d)
	}
	return found
}

var dottedVersion = regexp.MustCompile(`\b\d{3,}\.\d+(\.\d+)?\b`)

// moduleVersion returns the version of NVIDIA's kernel module; "" if it is not
// loaded. Containers see the host's.
func (m machine) moduleVersion() string {
	text, err := os.ReadFile(m.path("/proc/driver/nvidia/version"))
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n") // the next one is about the compiler
	if v := dottedVersion.FindString(line); v != "" {
		return v
	}
	return "of an unknown version"
}

// container returns the kind of container that this is, "" for none. The more special
// kinds come first, because they leave the general marks too.
func (m machine) container() string {
	environ := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return os.Getenv(name) != "" })
	}
	groups, _ := os.ReadFile(m.path("/proc/1/cgroup"))
	mounts, _ := os.ReadFile(m.path("/proc/self/mountinfo"))
	holds := func(words ...string) bool { return says(groups, words...) }
	switch {
	case environ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
		return inApptainer
	case environ("KUBERNETES_SERVICE_HOST") || holds("kubepods"):
		return inKubernetes
	case exists(m.path("/run/.containerenv")) || holds("libpod"):
		return inPodman
	case exists(m.path("/.dockerenv")) || environ("NVIDIA_VISIBLE_DEVICES") || holds("docker", "containerd", "lxc") || overlayRoot(string(mounts)):
		return inDocker
	}
	return ""
}

// overlayRoot reports whether the root folder is made of the layers of an image.
func overlayRoot(mountinfo string) bool {
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(before); len(fields) > 4 && fields[4] == "/" && strings.HasPrefix(after, "overlay ") {
			return true
		}
	}
	return false
}
