// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// pause is the time between two looks at what others have to do first.
const pause = 20 * time.Millisecond

// peers knows the other processes of a group by their addresses, and finds out which of them
// are gone. libtorch says only that a connection is broken, or that nothing came in time.
// Each process listens for whoever asks; one that is stopped does not answer.
type peers struct {
	patience  time.Duration // with one that does not answer
	host      string        // this process's address, on which libtorch listens too
	listener  net.Listener
	ended     chan struct{}
	addresses []string // by rank; "" for one that has told none, as of Python's

	mu     sync.Mutex
	gaveUp string // why this process has left the group; "" while it is in it
	askers int    // how many will still ask for that
}

func newPeers(ctx context.Context, w World, patience time.Duration) (*peers, error) {
	p := &peers{patience: patience, ended: make(chan struct{}), addresses: make([]string, w.Size)}
	var err error
	if p.host, err = ownAddress(ctx, w.store()); err != nil {
		return nil, err
	}
	if p.listener, err = net.Listen("tcp", net.JoinHostPort(p.host, "0")); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		for {
			conn, err := p.listener.Accept()
			if err != nil {
				return // closed
			}
			p.mu.Lock()
			reason := p.gaveUp
			p.askers--
			p.mu.Unlock()
			_ = conn.SetDeadline(time.Now().Add(p.patience))
			_, _ = io.WriteString(conn, "etude "+reason) // whoever asks sees when it fails
			_ = conn.Close()
		}
	}()
	return p, nil
}

// ownAddress returns the address of the interface that PyTorch's GLOO_SOCKET_IFNAME names,
// or of the one from which this machine reaches the store.
func ownAddress(ctx context.Context, store string) (string, error) {
	if name := os.Getenv("GLOO_SOCKET_IFNAME"); name != "" {
		device, err := net.InterfaceByName(name)
		if err != nil {
			return "", fmt.Errorf("GLOO_SOCKET_IFNAME=%s: %w", name, err)
		}
		addresses, err := device.Addrs()
		for _, a := range addresses {
			if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() {
				return ip.IP.String(), nil
			}
		}
		return "", errors.Join(fmt.Errorf("GLOO_SOCKET_IFNAME=%s: the interface has no address", name), err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", store) // which sends nothing
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().(*net.UDPAddr).IP.String(), nil
}

// leave tells whoever asks why this process is not in the group any more; the first reason counts.
// askers is how many processes it ends, which will ask for it, unless they are Python's.
func (p *peers) leave(reason string, askers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gaveUp == "" {
		p.gaveUp, p.askers = reason, min(askers, len(nonempty(p.addresses))-1)
	}
}

func (p *peers) reason() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gaveUp
}

// name returns "rank 1 (10.0.0.2:34567)".
func (p *peers) name(rank int) string {
	if p.addresses[rank] == "" {
		return fmt.Sprint("rank ", rank)
	}
	return fmt.Sprintf("rank %d (%s)", rank, p.addresses[rank])
}

// ask asks all other processes how they are, and returns what is wrong with them, "" if all of
// them answer within patience that they are well, and how many are.
func (p *peers) ask(self int, patience time.Duration) (wrong string, well int) {
	silent, left := make([]string, len(p.addresses)), make([]string, len(p.addresses))
	dialer := net.Dialer{Deadline: time.Now().Add(patience)}
	var all sync.WaitGroup
	for rank, address := range p.addresses {
		if rank == self || address == "" {
			continue
		}
		all.Go(func() {
			conn, err := dialer.Dial("tcp", address)
			if err == nil {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(dialer.Deadline)
				var answer []byte
				answer, err = io.ReadAll(conn)
				if reason, ok := strings.CutPrefix(string(answer), "etude "); !ok {
					err = errors.Join(err, io.ErrUnexpectedEOF)
				} else if reason != "" {
					left[rank] = fmt.Sprintf("%s gave up: %s", p.name(rank), reason)
				}
			}
			if err != nil {
				silent[rank] = p.name(rank) + " does not answer"
			}
		})
	}
	all.Wait()
	wrong = cmp.Or(strings.Join(nonempty(silent), ", "), strings.Join(nonempty(left), ", "))
	return wrong, len(nonempty(p.addresses)) - 1 - len(nonempty(silent)) - len(nonempty(left))
}

func nonempty(texts []string) []string {
	var some []string
	for _, t := range texts {
		if t != "" {
			some = append(some, t)
		}
	}
	return some
}

// close waits a while for those who have to hear a reason.
func (p *peers) close() {
	for end := time.Now().Add(p.patience); time.Now().Before(end); time.Sleep(pause) {
		p.mu.Lock()
		n := p.askers
		p.mu.Unlock()
		if n <= 0 {
			break
		}
	}
	_ = p.listener.Close()
	<-p.ended
}
