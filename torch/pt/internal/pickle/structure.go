// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"errors"
	"fmt"
	"slices"
)

// structure carries out an opcode that needs the handler.
func (d *decoder) structure(op byte) error {
	switch op {
	case opGlobal:
		class, err := d.named()
		if err != nil {
			return err
		}
		return d.push(class)
	case opInst:
		class, err := d.named()
		if err != nil {
			return err
		}
		args, err := d.popMark()
		if err != nil {
			return err
		}
		return d.call(class, &Tuple{slices.Clone(args)})
	case opObj:
		vs, err := d.popMark()
		if err != nil {
			return err
		}
		if len(vs) == 0 {
			return errStack
		}
		return d.call(vs[0], &Tuple{slices.Clone(vs[1:])})
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
		class, err := d.h.Global(module, name)
		if err != nil {
			return err
		}
		return d.push(class)
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
		return d.callNamed(vs[0], vs[1], vs[2])
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

// named reads the two lines that name a class or function.
func (d *decoder) named() (any, error) {
	module, err := d.name()
	if err != nil {
		return nil, err
	}
	name, err := d.name()
	if err != nil {
		return nil, err
	}
	return d.h.Global(module, name)
}

// callNamed is call with named arguments, which only objects that are not read take.
func (d *decoder) callNamed(function, arguments, named any) error {
	if err := d.call(function, arguments); err != nil {
		return err
	}
	_, opaque := d.stack[len(d.stack)-1].(*Object)
	if m, ok := named.(*Dict); !opaque && (!ok || len(m.Keys) > 0) {
		return errors.New("makes an object with named arguments")
	}
	return nil
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
