// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

const (
	entrySuffix = ".features"
	hashSuffix  = ".hash"
	hexName     = 2 * (sha256.Size - 1) // what the folder's name leaves
	tempSuffix  = ".tmp"

	block = 4096 // of usual file systems
)

// file is a file of the cache's, found by its name.
type file struct {
	digest [sha256.Size]byte
	hash   bool  // not an entry
	bytes  int64 // in whole blocks
	used   int64 // when, in nanoseconds since 1970
}

// file is the path of a key's entry in the folder.
func (k Key) file() string {
	return file{digest: sha256.Sum256(appendKey([]byte{kindEntry, formatVersion}, k))}.path()
}

// file is the path of what is known of a file.
func (i identity) file() string {
	b := []byte{kindHash, formatVersion}
	for _, v := range i.fields()[:identityName] {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return file{digest: sha256.Sum256(b), hash: true}.path()
}

func (f file) path() string { return f.folder() + "/" + f.name() }

func (f file) folder() string { return hex.EncodeToString(f.digest[:1]) }

func (f file) name() string {
	suffix := entrySuffix
	if f.hash {
		suffix = hashSuffix
	}
	return hex.EncodeToString(f.digest[1:]) + suffix
}

// parseName reads a name that a file of the cache's has in one of the 256 folders.
func parseName(folder, name string) (f file, ok bool) {
	stem, entry := strings.CutSuffix(name, entrySuffix)
	if !entry {
		if stem, f.hash = strings.CutSuffix(name, hashSuffix); !f.hash {
			return f, false
		}
	}
	if !isHex(folder, 2) || !isHex(stem, hexName) {
		return f, false
	}
	_, err := hex.Decode(f.digest[:], []byte(folder+stem))
	return f, err == nil
}

func isHex(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == ""
}

func isTemp(name string) bool {
	stem, ok := strings.CutSuffix(name, tempSuffix)
	return ok && len(stem) == len(rand.Text()) && strings.Trim(stem, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// blocks is the room that a file of a size takes.
func blocks(size int64) int64 { return max(1, (size+block-1)/block) * block }
