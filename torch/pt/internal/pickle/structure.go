// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"slices"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// structure carries out an opcode that needs the handler.
func (d *decoder) structure(op byte) {
	switch op {
	case opGlobal:
		d.push(d.global(d.name(), d.name()))
	case opInst:
		class := d.global(d.name(), d.name())
		d.call(class, &Tuple{slices.Clone(d.popMark())})
	case opObj:
		vs := d.popMark()
		if len(vs) == 0 {
			fail.On(errStack)
		}
		d.call(vs[0], &Tuple{slices.Clone(vs[1:])})
	case opStackGlobal:
		vs := d.pop(2)
		module, ok1 := vs[0].(string)
		name, ok2 := vs[1].(string)
		if !ok1 || !ok2 {
			fail.With("names a class by %s and %s, not by two texts", Kind(vs[0]), Kind(vs[1]))
		}
		if len(module) > longestName || len(name) > longestName {
			fail.On(errName)
		}
		d.push(d.global(module, name))
	case opReduce, opNewObj:
		vs := d.pop(2)
		d.call(vs[0], vs[1])
	case opNewObjEx: // with named arguments, which only objects that are not read take
		vs := d.pop(3)
		named := vs[2]
		d.call(vs[0], vs[1])
		_, opaque := d.stack[len(d.stack)-1].(*Object)
		if m, ok := named.(*Dict); !opaque && (!ok || len(m.Keys) > 0) {
			fail.With("makes an object with named arguments")
		}
	case opBuild:
		state := d.pop(1)[0]
		fail.On(d.h.Build(d.top(1)[0], state))
	case opBinPersID:
		d.push(fail.Or(d.h.PersistentID(d.pop(1)[0])))
	}
}

func (d *decoder) global(module, name string) any { return fail.Or(d.h.Global(module, name)) }

func (d *decoder) call(function, arguments any) {
	args, ok := arguments.(*Tuple)
	if !ok {
		fail.With("calls something with %s, not with a tuple", Kind(arguments))
	}
	d.push(fail.Or(d.h.Reduce(function, args.Items)))
}
