// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cache

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/etude-ml/etude/torch/wholefile"
)

// Variable is the environment variable that names the folder.
const Variable = "ETUDE_CACHE"

const (
	// maxBytes is the room that the files may take, each counted in whole blocks. An entry
	// of more than an eighth of it, or of more than maxEntry, is not stored. A segment
	// takes a 16th, or one entry. Each process that stores may exceed it by a 64th.
	maxBytes   = 1 << 30
	block      = 4096 // of usual file systems
	folderMode = 0o700
	touchAfter = time.Hour // so that reading stays reading
	lookAfter  = time.Second

	// The first line is that of bford.info/cachedir.
	markerText = "Signature: 8a477f597d28d172789f06886806bc55\n" +
		"# Etude keeps here what it made of audio and MIDI files. All of it may be removed.\n"
)

// fileName matches the segments, also those of other versions.
var fileName = regexp.MustCompile(`^v[0-9]+-[A-Z2-7]{26}\.features$`)

// Cache is a folder of entries. Its methods may be called by several goroutines
// at once.
type Cache struct {
	dir  string
	root *os.Root         // reading and removing never leave dir
	max  int64            // maxBytes, but for tests
	now  func() time.Time // tests cannot wait, and cannot set a ctime
	own  string           // begins the names of the segments that this machine appends to

	hits, misses, damaged atomic.Int64 // see Stats

	quiet    atomic.Bool // nothing is stored any more
	mu       sync.Mutex  // for what follows
	free     int64       // room that may be filled before the files are counted
	fault    string      // why nothing is stored any more, see Stats
	index    map[id]place
	segments map[string]*segment // by name
	looked   time.Time           // when the segments were listed
	into     *segment            // to which this process appends
	out      *os.File            // that segment, locked, or nil
}

// segment says how far a segment was read.
type segment struct {
	name  string
	page  int64 // where the last page begins
	slots int   // how many are taken there
	end   int64 // where the next entry begins
}

// place is where an entry lies.
type place struct {
	in       *segment
	at, size uint32
}

// Default returns the folder that $ETUDE_CACHE names, or else etude/features in the
// user's cache folder, or "" where there is neither.
func Default() string {
	if dir := os.Getenv(Variable); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "etude", "features")
}

// Open opens a cache, and makes the folder if there is none. It refuses a folder
// that holds anything but a cache, and one that another user owns or may write to,
// who could put other features into it. It accepts one that cannot be written, and
// reads what that holds.
func Open(dir string) (*Cache, error) {
	if dir == "" {
		return nil, fmt.Errorf("cache: no folder: set %s (there is no user cache folder, as neither XDG_CACHE_HOME nor HOME is set)", Variable)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %s: %w", dir, err)
	}
	var root *os.Root
	if err = os.MkdirAll(dir, folderMode); err == nil {
		root, err = os.OpenRoot(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("cache: %w: name another folder in %s", err, Variable)
	}
	c := &Cache{dir: dir, root: root, max: maxBytes, now: time.Now, own: segmentPrefix + machine(), index: map[id]place{}, segments: map[string]*segment{}}
	if err := c.claim(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("cache: %s %w in %s", dir, err, Variable)
	}
	if !locksHold(root) {
		c.own = segmentPrefix + rand.Text()[:machineLetters] // of this process alone
	}
	c.look()
	return c, nil
}

// claim makes the folder a cache if it is none yet. Its error ends with what to name
// instead.
func (c *Cache) claim() error {
	info, err := c.root.Stat(".")
	if err == nil {
		err = wholefile.CheckOwner(info)
	}
	if err != nil {
		return fmt.Errorf("%w: name a folder of your own", err)
	}
	if c.marked() {
		return nil
	}
	list, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("cannot be listed: %w: name another folder", err)
	}
	for _, d := range list {
		name := d.Name()
		info, err := d.Info()
		mine := fileName.MatchString(name) ||
			name == markerFile && err == nil && info.Size() == 0 || // after a power cut
			strings.HasPrefix(name, "."+markerFile+".") // which another process is writing
		if !mine && !c.marked() { // another process may have been faster
			return fmt.Errorf("holds %s and no cache: name a folder of its own", name)
		}
	}
	if err := wholefile.Scratch(filepath.Join(c.dir, markerFile), []byte(markerText)); err != nil {
		return fmt.Errorf("cannot be made a cache: %w: name another folder", err)
	}
	return nil
}

// marked reports whether the folder has the mark of a cache.
func (c *Cache) marked() bool {
	f, _, err := wholefile.OpenIn(c.root, markerFile)
	if err != nil {
		return false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(len(markerText))+1))
	return err == nil && string(text) == markerText
}

// look adds to the index what other processes have stored, and drops what was removed.
func (c *Cache) look() {
	c.looked = time.Now()
	list, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return
	}
	there := map[string]*segment{}
	for _, d := range list {
		name := d.Name()
		if !strings.HasPrefix(name, segmentPrefix) || !fileName.MatchString(name) || !d.Type().IsRegular() {
			continue
		}
		if f, _, err := wholefile.OpenIn(c.root, name); err == nil {
			there[name] = cmp.Or(c.segments[name], &segment{name: name, end: pageBytes})
			_ = c.grow(there[name], f) // what cannot be read is missing
			f.Close()
		}
	}
	c.segments = there
	maps.DeleteFunc(c.index, func(_ id, p place) bool { return there[p.in.name] == nil })
}

// grow adds to the index what was appended to a segment since it was read last.
func (c *Cache) grow(s *segment, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	page := make([]byte, pageBytes)
	for s.page < info.Size() {
		n, err := f.ReadAt(page, s.page)
		if err != nil && err != io.EOF {
			return err
		}
		clear(page[n:]) // which was not written yet
		for ; s.slots < pageSlots; s.slots++ {
			slot := page[s.slots*slotBytes:][:slotBytes]
			size := int64(binary.LittleEndian.Uint32(slot[idBytes:]))
			if size == 0 || size > maxEntry || s.end+size > info.Size() {
				return nil
			}
			c.index[id(slot[:idBytes])] = place{s, uint32(s.end), uint32(size)}
			s.end += size
		}
		s.page, s.end, s.slots = s.end, s.end+pageBytes, 0
	}
	return nil
}

// load reads the entry of a key, if it is there, and marks its segment as used.
func (c *Cache) load(k Key) (*Entry, bool) {
	c.mu.Lock()
	p, ok := c.index[k.id()]
	if !ok && time.Since(c.looked) >= lookAfter {
		c.look()
		p, ok = c.index[k.id()]
	}
	c.mu.Unlock()
	if !ok {
		return nil, false
	}
	f, _, err := wholefile.OpenIn(c.root, p.in.name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	b := make([]byte, p.size)
	if _, err := f.ReadAt(b, int64(p.at)); err != nil {
		return nil, false // the disk failed, perhaps for a moment only
	}
	e, err := decodeEntry(b, k)
	if err != nil {
		c.damaged.Add(1)
		c.discard(p.in.name)
		return nil, false
	}
	if info, err := f.Stat(); err == nil && time.Since(info.ModTime()).Abs() >= touchAfter {
		now := time.Now()
		_ = c.root.Chtimes(p.in.name, now, now) // the folder may be read-only
	}
	return e, true
}

// discard removes a segment with a damaged entry, unless a process appends to it: on another
// machine too, where its entry may be on the way here still.
func (c *Cache) discard(name string) {
	if !strings.HasPrefix(name, c.own) {
		info, err := c.root.Stat(name)
		if err == nil && time.Since(info.ModTime()) > touchAfter {
			_ = c.root.Remove(name)
		}
		return
	}
	if f := openLocked(c.root, name); f != nil {
		_ = c.root.Remove(name)
		f.Close()
	}
}

// Put stores the entry of a key, which this process finds instead of one that is there;
// of entries that processes have stored for one key, others may find any. The entry must
// have been made of the content that the key names: a file may change between Hash and
// decoding, which [Cache.Do] looks after.
//
// Storing only saves time: an entry that is too large is not stored, and where the
// folder and its files are read-only, Put does nothing. Where it fails otherwise, on a
// full disk for example, it returns the error, and the process stores nothing from then
// on.
func (c *Cache) Put(k Key, e *Entry) error {
	b := encodeEntry(k, e)
	if b == nil || len(b) > maxEntry || blocks(int64(len(b))) > c.max/8 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quiet.Load() {
		return nil
	}
	err := c.write(k.id(), b)
	if errors.Is(err, syscall.ESTALE) { // another machine has removed the segment
		c.out.Close()
		c.out = nil
		err = c.write(k.id(), b)
	}
	c.quiet.Store(err != nil)
	if err == nil || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil
	}
	fix := "check the folder"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		fix = "free some room"
	}
	err = fmt.Errorf("cache: nothing more is stored in %s: %w: %s, or name another folder in %s", c.dir, err, fix, Variable)
	c.fault = err.Error()
	return err
}

// write stores an entry, unless there is no place for just this one.
func (c *Cache) write(i id, b []byte) error {
	size := int64(len(b))
	need := size + pageBytes + block // at most, for a new segment
	if c.free < need {
		if err := c.makeRoom(need); err != nil {
			return err
		}
		if c.free < need { // others' files cannot be removed
			return nil
		}
	}
	if err := c.take(size); err != nil || c.out == nil {
		return err
	}
	if _, err := c.out.WriteAt(b, c.into.end); err != nil {
		return err
	}
	slot := binary.LittleEndian.AppendUint32(i[:], uint32(size))
	if _, err := c.out.WriteAt(slot, c.into.page+int64(c.into.slots)*slotBytes); err != nil {
		return err
	}
	c.free -= size + slotBytes
	return c.grow(c.into, c.out)
}

// take finds or makes a segment with room for an entry, and locks it, unless other
// processes were faster.
func (c *Cache) take(size int64) error {
	last := max(c.max/16-size, pageBytes) // where the entry may begin
	if c.out != nil {
		if _, err := c.root.Lstat(c.into.name); err == nil && c.into.end <= last {
			return nil
		}
		c.out.Close()
		c.out = nil
	}
	for range 2 {
		c.look()
		for name, s := range c.segments {
			if s.end > last || !strings.HasPrefix(name, c.own) {
				continue
			}
			f := openLocked(c.root, name)
			if f != nil && c.grow(s, f) == nil {
				c.into, c.out = s, f
				return f.Truncate(s.end) // drops what a killed process has left
			}
			f.Close()
		}
		f, err := c.root.OpenFile(c.own+rand.Text()[len(c.own)-len(segmentPrefix):]+segmentSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

// makeRoom counts the files, removes those used least recently, if need be, so that so
// many bytes fit, and removes what killed writers have left. Other processes may store
// meanwhile, so the files are counted again after a 64th of the room.
func (c *Cache) makeRoom(need int64) error {
	_ = wholefile.Sweep(c.dir)
	all, taken, err := c.scan()
	if err != nil {
		return err
	}
	if taken+need > c.max {
		slices.SortFunc(all, func(a, b file) int { return a.used.Compare(b.used) })
		for _, f := range all {
			if taken <= min(c.max/10*9, c.max-need) { // or the next file would begin again
				break
			}
			if err := c.root.Remove(f.name); err == nil || errors.Is(err, fs.ErrNotExist) {
				taken -= f.bytes
			}
		}
	}
	c.free = min(c.max-taken, max(c.max/64, need))
	return nil
}

// file is a file of the cache.
type file struct {
	name  string
	bytes int64 // in whole blocks
	used  time.Time
}

// scan lists the files of the cache, and the bytes that they take.
func (c *Cache) scan() (all []file, taken int64, err error) {
	list, err := fs.ReadDir(c.root.FS(), ".")
	for _, d := range list {
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() && fileName.MatchString(d.Name()) {
			all = append(all, file{d.Name(), blocks(info.Size()), info.ModTime()})
			taken += blocks(info.Size())
		}
	}
	return all, taken, err
}

// blocks returns the room that a file of a size takes.
func blocks(size int64) int64 { return max(1, (size+block-1)/block) * block }

// Size counts the entries that are stored, and the bytes that they and all else
// take, in whole blocks of 4 KiB.
func (c *Cache) Size() (entries int, bytes int64, err error) {
	_, bytes, err = c.scan()
	if err != nil {
		return 0, 0, fmt.Errorf("cache: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	for i := range c.index {
		if i[idBytes-1] == 0 {
			entries++
		}
	}
	return entries, bytes, nil
}

// Clear removes all that is stored. The folder stays, and so does every file that
// is not the cache's. A folder without the mark of a cache is left alone, with an
// error.
func (c *Cache) Clear() error {
	if !c.marked() {
		return fmt.Errorf("cache: %s has no %s of Etude's: nothing was removed; remove the folder yourself", c.dir, markerFile)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = 0
	all, _, failed := c.scan()
	for _, f := range all {
		if err := c.root.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = cmp.Or(failed, err)
		}
	}
	_ = wholefile.Sweep(c.dir)
	if failed != nil {
		return fmt.Errorf("cache: %s is not quite empty: %w", c.dir, failed)
	}
	return nil
}

// Close ends the use of the folder. Nothing is stored or found afterwards.
func (c *Cache) Close() error {
	c.quiet.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Close()
	if err := c.root.Close(); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}
