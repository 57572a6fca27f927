// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

/*
 * The whole boundary between Go and libtorch.
 *
 * Rules that every entry keeps:
 *   - It returns NULL, or an error that the caller frees with error_free. There
 *     is no last-error state, since a goroutine may change threads between two
 *     calls. No C++ exception leaves the bridge.
 *   - Memory that the caller passes is read or written during the call only.
 *   - A ct_tensor is one strong reference to an at::TensorImpl. "new" in a
 *     comment means that the caller owns the reference and gives it back with
 *     tensors_free; "borrowed" that it stays the caller's.
 *   - Everything is safe from any thread. What libtorch keeps per thread (grad
 *     mode, autocast, number of threads) and what the bridge adds (scope, thread
 *     budget) is changed by entries that return the old value.
 */
#ifndef ETUDE_CT_H
#define ETUDE_CT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every change of this file; checked when the bridge is loaded. */
#define CT_ABI 8

/* Handles are integers on purpose: Go must never take them for its own memory. */
typedef uintptr_t ct_tensor; /* at::TensorImpl*, never 0 unless said so */
typedef uintptr_t ct_op;     /* a resolved operator; lives as long as the process */
typedef uintptr_t ct_generators; /* copies of the random generators */
typedef uintptr_t ct_recording;  /* a step that is recorded */

typedef struct ct_error {
  int32_t kind; /* CT_ERR_* */
  int32_t length;
  char text[]; /* UTF-8, `length` bytes and a 0 */
} ct_error;

enum {
  CT_ERR_TORCH = 1,   /* libtorch refused the call */
  CT_ERR_OTHER = 2,   /* another C++ exception, out of memory among them */
  CT_ERR_UNKNOWN = 3, /* no such operator or overload */
};

/*
 * One argument or result of an operator. Lists and strings lie in the call's
 * pool of 64-bit words: `bits` is the word offset, `n` the number of elements
 * (bytes for a string).
 */
typedef struct ct_value {
  int32_t tag; /* CT_* below */
  int32_t n;
  int64_t bits; /* int; bit pattern of a double; 0/1; ct_tensor; pool offset */
} ct_value;

/* A number (CT_INT, CT_UINT, CT_DOUBLE, CT_BOOL, CT_COMPLEX) also serves where an
 * operator wants a tensor: it becomes a "wrapped number", as in Python, which does not
 * change the type of the tensors beside it. */

enum {
  CT_DEFAULT = 0, /* argument: take the schema's default */
  CT_NONE = 1,
  CT_TENSOR = 2,  /* argument: borrowed; result: new */
  CT_INT = 3,     /* also dtype, layout and memory format, by libtorch's codes */
  CT_DOUBLE = 4,
  CT_BOOL = 5,
  CT_STRING = 6,
  CT_DEVICE = 7, /* n = c10::DeviceType, bits = index, -1 for none */
  CT_INTS = 8,
  CT_DOUBLES = 9,
  CT_BOOLS = 10,
  CT_TENSORS = 11,         /* Tensor[] */
  CT_OPTIONAL_TENSORS = 12, /* Tensor?[]: 0 stands for None */
  CT_INT_SCALARS = 13,     /* Scalar[] of ints */
  CT_DOUBLE_SCALARS = 14,  /* Scalar[] of doubles */
  CT_UINT = 15,            /* an integer from 2^63 on, as uint64_t */
  CT_COMPLEX = 16,         /* two doubles: in the pool, or a list of n = 2 words */
};

typedef struct ct_result {
  int32_t n;       /* results written */
  uint32_t scope;  /* the calling thread's scope, 0 for none */
  int64_t fresh;   /* without a scope: bytes of the results that no argument holds as well */
} ct_result;

typedef struct ct_info {
  int32_t dtype; /* c10::ScalarType */
  int32_t device_type;
  int32_t device_index;
  int32_t ndim;
  int32_t flags; /* CT_IS_* */
  int32_t itemsize;
  int64_t numel;
  int64_t storage_offset; /* in elements */
  uint64_t storage;       /* identity of the storage, for sharing checks only */
  int64_t storage_bytes;
} ct_info;

enum { CT_IS_LEAF = 1, CT_REQUIRES_GRAD = 2, CT_IS_CONTIGUOUS = 4, CT_IS_STRIDED = 8,
       CT_IS_LAZY = 16 /* conjugate or negative of what the memory holds */ };

/* Settings of the whole process. */
enum {
  CT_DETERMINISTIC = 1,    /* 0, or 1 to refuse what is not deterministic */
  CT_MATMUL_PRECISION = 2, /* 0 highest (float32), 1 high (TF32), 2 medium (bfloat16) */
  CT_CUDNN_TF32 = 3,       /* 0 or 1 */
  CT_FLUSH_DENORMAL = 4,   /* 0 or 1; for threads without a setting of their own */
};

/* What observe does: end and drop what was kept, begin, end and let it be taken. */
enum { CT_OBSERVE_DROP = 0, CT_OBSERVE_BEGIN = 1, CT_OBSERVE_END = 2 };

/* How a thread computes on one kind of device. */
typedef struct ct_autocast {
  int32_t device_type;
  int32_t dtype;   /* c10::ScalarType of the operators that gain most */
  int32_t enabled; /* 0 or 1 */
  int32_t cached;  /* 0, or 1 to keep the casts of parameters */
} ct_autocast;

typedef struct ct_memory {
  int64_t live_bytes; /* of CPU tensors, the autograd graph's included */
  int64_t peak_bytes;
  int64_t allocations; /* since the bridge was loaded */
} ct_memory;

/* How many operators of a step were recorded, and what became of them. */
typedef struct ct_plan {
  int32_t recorded;
  int32_t views, dead, hoisted, copies, cats; /* dropped; see plan.h */
  int32_t lowered, out, called;               /* plain code; into given memory; the rest */
  int64_t bytes;                              /* of values that live within a step */
} ct_plan;

/* A ct_cuda_graph with its entries in ct_cuda_api. */
typedef struct ct_graph {
  uintptr_t graph;
  ct_error *(*replay)(uintptr_t graph);
  void (*free)(uintptr_t graph);
} ct_graph;

typedef struct ct_api {
  uint32_t abi; /* CT_ABI the bridge was compiled with */
  uint32_t size; /* sizeof(ct_api) */
  const char *libtorch_version; /* the headers it was compiled with */
  const int32_t *warnings;      /* how many warnings wait for warning_take; read atomically */

  void (*error_free)(ct_error *);

  /* Operators. `schema` becomes malloc'ed text, one line per argument or
   * result (see describe() in call.cpp). */
  ct_error *(*op_find)(const char *name, const char *overload, ct_op *op, char **schema);
  /* Overload names of an operator, separated by spaces, "" written as "default"; malloc'ed. */
  ct_error *(*op_overloads)(const char *name, char **names);
  /* `pool` serves arguments; list results are fetched with list_take. With
   * `discard` results are dropped and result->n is 0. */
  ct_error *(*call)(ct_op op, const ct_value *args, int32_t nargs, const int64_t *pool,
                    ct_value *results, int32_t max_results, int32_t discard, ct_result *result);
  /* Copies a list result (its `bits`) of n words to dst and frees it. */
  void (*list_take)(int64_t list, int64_t *dst, int32_t n);
  /* Keeps all calls of operators on the calling thread, whoever makes them, except those that
   * operators make themselves. `mode` is CT_OBSERVE_*. */
  ct_error *(*observe)(int32_t mode);
  /* Takes the oldest call that was kept: its name with the overload, malloc'ed, NULL where none is
   * left; its arguments and results, all as results of `call`. A number in the place of a tensor
   * is a number again. */
  ct_error *(*observed)(char **name, ct_value *args, int32_t max_args, int32_t *nargs,
                        ct_value *results, int32_t max_results, int32_t *nresults);

  /* Tensors. */
  void (*tensors_free)(const ct_tensor *tensors, int32_t n);
  void (*tensor_retain)(ct_tensor t); /* one more reference */
  /* The tensor in an at::Tensor of other code: new, 0 for an undefined one. And an at::Tensor for
   * other code, which deletes it. */
  ct_tensor (*tensor_take)(const void *at_tensor);
  void *(*tensor_give)(ct_tensor t);
  ct_error *(*tensor_from)(const void *data, int64_t bytes, const int64_t *sizes, int32_t ndim,
                           int32_t dtype, ct_tensor *out /* new, on the CPU */, ct_result *result);
  /* Copies the elements of a contiguous CPU tensor; `bytes` must be their size. */
  ct_error *(*tensor_read)(ct_tensor t, void *dst, int64_t bytes);
  /* Fills info, and sizes and strides up to `capacity` entries each. */
  ct_error *(*tensor_info)(ct_tensor t, ct_info *info, int64_t *sizes, int64_t *strides,
                           int32_t capacity);

  /* Autograd. The name of the operation that made t, such as "AddBackward0", malloc'ed; NULL
   * for a leaf. */
  ct_error *(*grad_fn)(ct_tensor t, char **name);
  ct_error *(*set_requires_grad)(ct_tensor t, int32_t on);
  ct_error *(*grad)(ct_tensor t, ct_tensor *out /* new, or 0 */, ct_result *result);
  ct_error *(*set_grad)(ct_tensor t, ct_tensor grad /* 0 clears it */);
  ct_error *(*clear_grads)(const ct_tensor *tensors, int32_t n);
  ct_error *(*backward)(ct_tensor t, ct_tensor gradient /* 0 for a scalar */,
                        int32_t retain_graph, int32_t create_graph);

  /* Recorded steps. record_begin and record_end stand around a step on one thread; results
   * are wanted after each replay. Two steps are needed: the second record_end makes the plan,
   * and proves that a replay gives the second step's bits; later ones only compare. *refused is NULL, or malloc'ed text
   * that says why the step cannot be recorded. *device is the number of the CUDA device that it computes on, -1
   * for none: then a graph has to capture the second step, and record_graph gives it to the recording, which
   * launches and frees it. record_abandon is for a step that failed. */
  ct_error *(*record_new)(ct_recording *out);
  ct_error *(*record_begin)(ct_recording r);
  ct_error *(*record_end)(ct_recording r, const ct_tensor *results, int32_t n, int32_t *device,
                          char **refused);
  void (*record_graph)(ct_recording r, ct_graph graph);
  void (*record_abandon)(ct_recording r);
  void (*record_free)(ct_recording r);
  ct_error *(*record_results)(ct_recording r, ct_tensor *out /* new, n of record_end */);
  void (*record_plan)(ct_recording r, ct_plan *out);
  /* Replays n steps, fewer if *stop becomes other than 0; *done counts them. */
  ct_error *(*replay)(ct_recording r, int64_t n, const int32_t *stop, int64_t *done);

  /* Per thread. */
  uint32_t (*scope_swap)(uint32_t scope);
  int32_t (*grad_mode_swap)(int32_t on);
  int32_t (*threads_swap)(int32_t threads); /* this thread's budget; 0: the process's */
  int32_t (*flush_swap)(int32_t on);        /* this thread's CT_FLUSH_DENORMAL; -1: the process's */
  /* Begins what the next autocast_leave on this thread ends: sets device_type, dtype and
   * enabled of `mode`, and fills `old` with what was in force. */
  ct_error *(*autocast_enter)(const ct_autocast *mode, ct_autocast *old);
  void (*autocast_leave)(const ct_autocast *old);

  /* Process. */
  void (*threads_set)(int32_t threads); /* for every thread without a budget of its own */
  int32_t (*threads_get)(void);         /* in force on the calling thread */
  char *(*warning_take)(void); /* libtorch's oldest warning that waits, malloc'ed; NULL for none */
  ct_error *(*seed)(uint64_t seed);
  ct_error *(*rng_state)(int32_t device_type, int32_t device_index, ct_tensor *out /* new */,
                         ct_result *result);
  ct_error *(*set_rng_state)(int32_t device_type, int32_t device_index, ct_tensor state);
  /* Copies of the generators that the calling thread draws from; freed with
   * generators_free. Between two swaps the thread draws from them, and the three
   * entries above read and change them. 0 stands for the process's. */
  ct_error *(*generators_new)(ct_generators *out);
  void (*generators_free)(ct_generators g);
  ct_generators (*generators_swap)(ct_generators g); /* per thread */
  const char *(*cpu_capability)(void); /* "AVX2", "AVX512", "DEFAULT" … */
  ct_error *(*option_set)(int32_t option /* CT_DETERMINISTIC … */, int32_t value);
  ct_error *(*option_get)(int32_t option, int32_t *value);
  ct_error *(*device_count)(int32_t device_type, int32_t *count);
  /* The device type behind a name such as "cuda" or "pretend"; the name of a type. */
  ct_error *(*device_type)(const char *name, int32_t *type);
  ct_error *(*device_name)(int32_t type, char *name, int32_t capacity);
  void (*memory)(ct_memory *out);
  void (*memory_add)(int64_t bytes); /* for allocators of other bridge libraries */
} ct_api;

/* The only exported symbol. */
const ct_api *ct_get_api(void);

#ifdef __cplusplus
}
#endif
#endif
