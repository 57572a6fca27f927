// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"errors"
	"fmt"
)

// structure carries out an opcode that needs the handler.
func (d *decoder) structure(op byte) error {
	switch op {
	case opGlobal:
		module, err := d.line()
		if err != nil {
			return err
		}
		name, err := d.line()
		if err != nil {
			return err
		}
		return d.global(module, name)
	case opStackGlobal:
		vs, err := d.pop(2)
		if err != nil {
			return err
		}
		module, ok1 := vs[0].(string)
		name, ok2 := vs[1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("names a class by %s and %s, not by two texts", Kind(vs[0]), Kind(vs[1]))
		}
		if len(module) > longestName || len(name) > longestName {
			return errors.New("a name without an end")
		}
		return d.global(module, name)
	case opReduce, opNewObj:
		vs, err := d.pop(2)
		if err != nil {
			return err
		}
		return d.call(vs[0], vs[1])
	case opNewObjEx:
		vs, err := d.pop(3)
		if err != nil {
			return err
		}
		if named, ok := vs[2].(*Dict); !ok || len(named.Keys) > 0 {
			return errors.New("makes an object with named arguments")
		}
		return d.call(vs[0], vs[1])
	case opBuild:
		vs, err := d.pop(1)
		if err != nil {
			return err
		}
		state := vs[0]
		object, err := d.top(1)
		if err != nil {
			return err
		}
		return d.h.Build(object[0], state)
	}
	vs, err := d.pop(1)
	if err != nil {
		return err
	}
	v, err := d.h.PersistentID(vs[0])
	if err != nil {
		return err
	}
	return d.push(v)
}

func (d *decoder) global(module, name string) error {
	v, err := d.h.Global(module, name)
	if err != nil {
		return err
	}
	return d.push(v)
}

func (d *decoder) call(function, arguments any) error {
	args, ok := arguments.(*Tuple)
	if !ok {
		return fmt.Errorf("calls something with %s, not with a tuple", Kind(arguments))
	}
	v, err := d.h.Reduce(function, args.Items)
	if err != nil {
		return err
	}
	return d.push(v)
}
