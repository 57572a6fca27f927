// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

#include "textflag.h"

// func passAVX(y, b, c, d []complex128)
TEXT ·passAVX(SB), NOSPLIT, $0-96
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), R12
	SHLQ $4, R12
	ADDQ DI, R12           // the end of y
	MOVQ b_base+24(FP), R8
	MOVQ b_len+32(FP), R11
	SHLQ $4, R11           // bytes of a quarter of a block
	MOVQ c_base+48(FP), R9
	MOVQ d_base+72(FP), R10

block: // from DI, its other quarters from SI, DX, BX
	LEAQ (DI)(R11*1), SI
	LEAQ (SI)(R11*1), DX
	LEAQ (DX)(R11*1), BX
	XORQ AX, AX

pair:
	VMOVUPD (DI)(AX*1), Y0
	VMOVUPD (SI)(AX*1), Y1
	VMOVUPD (DX)(AX*1), Y2
	VMOVUPD (BX)(AX*1), Y3

	// Multiply Y1, Y2 and Y3 by their factors: the real parts times both parts, plus or
	// minus the imaginary parts times both parts in reverse order.
	VMOVDDUP  (R8)(AX*1), Y4
	VPERMILPD $15, (R8)(AX*1), Y5
	VPERMILPD $5, Y1, Y6
	VMULPD    Y4, Y1, Y1
	VMULPD    Y5, Y6, Y6
	VADDSUBPD Y6, Y1, Y1
	VMOVDDUP  (R9)(AX*1), Y7
	VPERMILPD $15, (R9)(AX*1), Y8
	VPERMILPD $5, Y2, Y9
	VMULPD    Y7, Y2, Y2
	VMULPD    Y8, Y9, Y9
	VADDSUBPD Y9, Y2, Y2
	VMOVDDUP  (R10)(AX*1), Y10
	VPERMILPD $15, (R10)(AX*1), Y11
	VPERMILPD $5, Y3, Y12
	VMULPD    Y10, Y3, Y3
	VMULPD    Y11, Y12, Y12
	VADDSUBPD Y12, Y3, Y3

	// Transform four numbers.
	VADDPD    Y2, Y0, Y4
	VSUBPD    Y2, Y0, Y5
	VADDPD    Y3, Y1, Y6
	VSUBPD    Y3, Y1, Y7
	VSUBPD    Y1, Y3, Y8
	VPERMILPD $5, Y7, Y7
	VPERMILPD $5, Y8, Y8
	VADDPD    Y6, Y4, Y0
	VADDSUBPD Y8, Y5, Y1
	VSUBPD    Y6, Y4, Y2
	VADDSUBPD Y7, Y5, Y3

	VMOVUPD Y0, (DI)(AX*1)
	VMOVUPD Y1, (SI)(AX*1)
	VMOVUPD Y2, (DX)(AX*1)
	VMOVUPD Y3, (BX)(AX*1)
	ADDQ    $32, AX
	CMPQ    AX, R11
	JLT     pair

	LEAQ (BX)(R11*1), DI
	CMPQ DI, R12
	JLT  block
	VZEROUPPER
	RET

// func dot16AVX(a, b *[16]float64) float64
TEXT ·dot16AVX(SB), NOSPLIT, $0-24
	MOVQ a+0(FP), AX
	MOVQ b+8(FP), BX

	// Four sums side by side, each in the order of dot16.
	VMOVUPD (AX), Y0
	VMOVUPD 32(AX), Y1
	VMOVUPD 64(AX), Y2
	VMOVUPD 96(AX), Y3
	VMULPD  (BX), Y0, Y0
	VMULPD  32(BX), Y1, Y1
	VMULPD  64(BX), Y2, Y2
	VMULPD  96(BX), Y3, Y3
	VADDPD  Y1, Y0, Y0
	VADDPD  Y2, Y0, Y0
	VADDPD  Y3, Y0, Y0

	// And these one by one.
	VEXTRACTF128 $1, Y0, X1
	VPERMILPD    $1, X0, X2
	VPERMILPD    $1, X1, X3
	VADDSD       X2, X0, X0
	VADDSD       X1, X0, X0
	VADDSD       X3, X0, X0
	VMOVSD       X0, ret+16(FP)
	VZEROUPPER
	RET
