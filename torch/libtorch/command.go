// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// runCommand runs a program in a process group of its own, which dies with it when
// ctx ends; the program also dies when this process is killed. It returns what the
// program wrote, both streams in one.
func runCommand(ctx context.Context, name string, args ...string) ([]byte, error) {
	return run(ctx, exec.CommandContext(ctx, name, args...))
}

// guard is a shell script in front of a program that starts others, as compilers
// do. When a parent dies, the kernel signals the program alone, not what it has
// started. So the shell leaves a process behind that waits for a line on a pipe
// which this process holds, and kills the group if the pipe ends without one.
const guard = `exec 3<&0; { read -r _ <&3 || kill -KILL 0; } >/dev/null 2>&1 & exec "$@" </dev/null 3<&-`

// runGuarded is runCommand for a program whose children must not outlive this
// process.
func runGuarded(ctx context.Context, env []string, dir, name string, args ...string) ([]byte, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	defer writer.Close()
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", guard, "sh", name}, args...)...)
	cmd.Dir, cmd.Stdin, cmd.Env = dir, reader, append(os.Environ(), env...)
	out, err := run(ctx, cmd)
	_, _ = writer.WriteString("\n")
	return out, err
}

func run(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	// The kernel sends the parent-death signal when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second // for a grandchild that holds the pipe
	ownGroup(cmd)
	err := cmd.Run()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out.Bytes(), err
}

// says reports whether a program's output holds one of some phrases.
func says(out []byte, phrases ...string) bool {
	return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(string(out), phrase) })
}

// tail returns the end of a program's output, for an error message.
func tail(out []byte, lines int) string {
	all := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
