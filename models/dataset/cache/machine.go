// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"os"
	"syscall"

	"github.com/etude-ml/etude/torch/wholefile"
)

// The kernel's name for this start of it, and the system's for the machine.
const (
	bootFile    = "/proc/sys/kernel/random/boot_id"
	machineFile = "/etc/machine-id"
)

// markerFile marks the folder as a cache.
const markerFile = "CACHEDIR.TAG"

// machineLetters is how many letters of a segment's name stand for the machine: 40 bits.
const machineLetters = 8

// machine stands for all processes that see each other's locks: those of one start of one
// kernel, and with one host name, as containers may have mounted a folder twice. Where the
// system does not tell, this process is alone.
func machine() string {
	boot, err := os.ReadFile(bootFile)
	host, _ := os.Hostname()
	if err != nil {
		boot = []byte(rand.Text())
	}
	sum := sha256.Sum256(append(boot, host...))
	return base32.StdEncoding.EncodeToString(sum[:])[:machineLetters]
}

// system stands for all processes to which the number of a device or an inode means the
// same. It outlives a start of the machine where the system has a name for it.
var system = func() []byte {
	for _, file := range []string{machineFile, bootFile} {
		if id, err := os.ReadFile(file); err == nil && len(id) > 0 {
			return id
		}
	}
	return nil
}()

// lock is a variable for tests, which cannot mount a network file system.
var lock = wholefile.Lock

// openLocked opens and locks a file; nil where another process has locked it.
func openLocked(folder *os.Root, name string) *os.File {
	// For writing, as network file systems lock no other.
	f, err := folder.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err == nil && lock(f) {
		return f
	}
	f.Close()
	return nil
}

// locksHold reports whether a lock keeps others out: some file systems grant every lock.
func locksHold(folder *os.Root) bool {
	first := openLocked(folder, markerFile)
	if first == nil {
		return true
	}
	defer first.Close()
	second := openLocked(folder, markerFile)
	second.Close()
	return second == nil
}
