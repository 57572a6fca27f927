// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Operators by name: the schema once, then boxed calls through a cached handle.

#include <ATen/ScalarOps.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <sstream>
#include <string>

#include "guard.h"

namespace etude::call {
namespace {

struct Op {
  c10::OperatorHandle handle;
  std::vector<std::optional<c10::IValue>> defaults;
  std::vector<bool> tensor;  // whether an argument is a Tensor or Tensor?
};

char* copy_text(const std::string& s) {
  char* text = static_cast<char*>(malloc(s.size() + 1));
  if (!text) throw std::bad_alloc();
  memcpy(text, s.c_str(), s.size() + 1);
  return text;
}

// A default as one word: n (None), i1, d0.5, b0, s(text), I1,2 (ints), ? (something else).
std::string default_text(const c10::IValue& v) {
  std::ostringstream o;
  o.precision(17);
  if (v.isNone()) {
    o << "n";
  } else if (v.isBool()) {
    o << "b" << (v.toBool() ? 1 : 0);
  } else if (v.isInt()) {
    o << "i" << v.toInt();
  } else if (v.isDouble()) {
    o << "d" << v.toDouble();
  } else if (v.isString()) {
    o << "s" << v.toStringRef();
  } else if (v.isIntList()) {
    o << "I";
    auto list = v.toIntVector();
    for (size_t i = 0; i < list.size(); i++) o << (i ? "," : "") << list[i];
  } else {
    o << "?";
  }
  return o.str();
}

// One line per argument, then one per result, then one where each call draws other
// random numbers; fields separated by tabs:
//   A name type fixed-list-length keyword-only(0|1) alias default("-": none)
//   R name type
//   T nondeterministic_seeded
// alias is 1 where the operator writes to the argument, 2 where a result may share
// its elements, else 0.
std::string describe(const c10::OperatorHandle& op) {
  const c10::FunctionSchema& schema = op.schema();
  std::ostringstream o;
  for (const auto& a : schema.arguments()) {
    int alias = !a.alias_info() ? 0 : a.alias_info()->isWrite() ? 1 : 2;
    o << "A\t" << a.name() << '\t' << a.real_type()->str() << '\t' << a.N().value_or(0) << '\t'
      << a.kwarg_only() << '\t' << alias << '\t'
      << (a.default_value() ? default_text(*a.default_value()) : "-") << '\n';
  }
  for (const auto& r : schema.returns())
    o << "R\t" << r.name() << '\t' << r.real_type()->str() << '\n';
  if (op.hasTag(at::Tag::nondeterministic_seeded)) o << "T\tnondeterministic_seeded\n";
  return o.str();
}

template <class T, class Make>
c10::List<T> list_of(const int64_t* words, int32_t n, Make make) {
  c10::List<T> list;
  list.reserve(n);
  for (int32_t i = 0; i < n; i++) list.push_back(make(words[i]));
  return list;
}

double as_double(int64_t bits) {
  double d;
  memcpy(&d, &bits, sizeof d);
  return d;
}

int64_t as_bits(double d) {
  int64_t bits;
  memcpy(&bits, &d, sizeof bits);
  return bits;
}

c10::IValue unpack(const ct_value& v, const int64_t* pool) {
  const int64_t* words = pool + v.bits;  // used by the list kinds only
  switch (v.tag) {
    case CT_NONE:
      return {};
    case CT_TENSOR:
      return borrow(static_cast<ct_tensor>(v.bits));
    case CT_INT:
      return v.bits;
    case CT_DOUBLE:
      return as_double(v.bits);
    case CT_BOOL:
      return v.bits != 0;
    case CT_UINT:
      return c10::IValue(at::Scalar(static_cast<uint64_t>(v.bits)));
    case CT_COMPLEX:
      return c10::complex<double>(as_double(words[0]), as_double(words[1]));
    case CT_STRING:
      return std::string(reinterpret_cast<const char*>(words), v.n);
    case CT_DEVICE:
      // A larger number would become another device's.
      TORCH_CHECK(v.bits >= -1 && v.bits <= std::numeric_limits<c10::DeviceIndex>::max(),
                  "there is no device with the number ", v.bits);
      return c10::Device(device_kind(v.n), static_cast<c10::DeviceIndex>(v.bits));
    case CT_INTS:
      return list_of<int64_t>(words, v.n, [](int64_t w) { return w; });
    case CT_DOUBLES:
      return list_of<double>(words, v.n, as_double);
    case CT_BOOLS:
      return list_of<bool>(words, v.n, [](int64_t w) { return w != 0; });
    case CT_TENSORS:
      return list_of<at::Tensor>(words, v.n,
                                 [](int64_t w) { return borrow(static_cast<ct_tensor>(w)); });
    case CT_OPTIONAL_TENSORS:
      return list_of<std::optional<at::Tensor>>(
          words, v.n, [](int64_t w) -> std::optional<at::Tensor> {
            if (!w) return std::nullopt;
            return borrow(static_cast<ct_tensor>(w));
          });
    case CT_INT_SCALARS:
      return list_of<at::Scalar>(words, v.n, [](int64_t w) { return at::Scalar(w); });
    case CT_DOUBLE_SCALARS:
      return list_of<at::Scalar>(words, v.n, [](int64_t w) { return at::Scalar(as_double(w)); });
    default:
      TORCH_CHECK(false, "the bridge got an argument of unknown kind ", v.tag);
  }
}

// A number in the place of a tensor; see ct.h.
at::Tensor wrapped_number(const c10::IValue& number) {
  auto t = at::scalar_to_tensor(number.toScalar());
  t.unsafeGetTensorImpl()->set_wrapped_number(true);
  return t;
}

template <class List, class Word>
void pack_list(ct_value& out, int32_t tag, const List& list, Word word) {
  auto* words = static_cast<int64_t*>(malloc(sizeof(int64_t) * (list.size() + 1)));
  if (!words) throw std::bad_alloc();
  out.tag = tag;
  out.n = static_cast<int32_t>(list.size());
  out.bits = reinterpret_cast<int64_t>(words);
  size_t i = 0;
  for (auto&& x : list) words[i++] = word(x);
}

int64_t release_or_zero(at::Tensor t) {
  return t.defined() ? static_cast<int64_t>(release(std::move(t))) : 0;
}

void pack(ct_value& out, c10::IValue&& v) {
  out = {CT_NONE, 0, 0};
  if (v.isNone()) {
    return;
  } else if (v.isTensor()) {
    out.bits = release_or_zero(std::move(v).toTensor());
    if (out.bits) out.tag = CT_TENSOR;
  } else if (v.isBool()) {
    out = {CT_BOOL, 0, v.toBool()};
  } else if (v.isInt()) {
    out = {CT_INT, 0, v.toInt()};
  } else if (v.isUnsigned()) {
    out = {CT_UINT, 0, static_cast<int64_t>(v.toUInt())};
  } else if (v.isSymInt()) {
    out = {CT_INT, 0, v.toSymInt().expect_int()};
  } else if (v.isDouble()) {
    out = {CT_DOUBLE, 0, as_bits(v.toDouble())};
  } else if (v.isComplexDouble()) {
    auto z = v.toComplexDouble();
    pack_list(out, CT_COMPLEX, std::array{z.real(), z.imag()}, as_bits);
  } else if (v.isDevice()) {
    auto d = v.toDevice();
    out = {CT_DEVICE, static_cast<int32_t>(d.type()), d.index()};
  } else if (v.isTensorList()) {
    pack_list(out, CT_OPTIONAL_TENSORS, v.toTensorVector(), release_or_zero);
  } else if (v.isOptionalTensorList()) {
    pack_list(out, CT_OPTIONAL_TENSORS, v.toOptionalTensorVector(),
              [](const std::optional<at::Tensor>& t) { return t ? release_or_zero(*t) : 0; });
  } else if (v.isIntList()) {
    pack_list(out, CT_INTS, v.toIntVector(), [](int64_t w) { return w; });
  } else if (v.isDoubleList()) {
    pack_list(out, CT_DOUBLES, v.toDoubleVector(), as_bits);
  } else if (v.isBoolList()) {
    std::vector<int64_t> words;
    for (bool b : v.toBoolList()) words.push_back(b);
    pack_list(out, CT_BOOLS, words, [](int64_t w) { return w; });
  } else if (v.isString()) {
    const auto& s = v.toStringRef();
    auto* words = static_cast<char*>(calloc(s.size() / 8 + 1, 8));
    if (!words) throw std::bad_alloc();
    memcpy(words, s.data(), s.size());
    out = {CT_STRING, static_cast<int32_t>(s.size()), reinterpret_cast<int64_t>(words)};
  } else {
    TORCH_CHECK(false, "has a ", v.tagKind(), ", which the bridge does not carry");
  }
}

// The results of a call, which are freed again unless all of them could be packed.
struct Packed {
  ct_value* values;
  int32_t n = 0;

  ~Packed() {
    for (int32_t i = 0; i < n; i++) {
      auto* words = reinterpret_cast<int64_t*>(values[i].bits);
      switch (values[i].tag) {
        case CT_TENSOR:
          drop(values[i].bits);
          break;
        case CT_OPTIONAL_TENSORS:
          for (int32_t k = 0; k < values[i].n; k++)
            if (words[k]) drop(words[k]);
          [[fallthrough]];
        case CT_STRING:
        case CT_INTS:
        case CT_DOUBLES:
        case CT_BOOLS:
        case CT_COMPLEX:
          free(words);
      }
    }
  }

  static void drop(int64_t t) {
    auto handle = static_cast<ct_tensor>(t);
    tensor::tensors_free(&handle, 1);
  }

  void add(std::vector<c10::IValue>& list) {
    for (auto& v : list) {
      pack(values[n], std::move(v));
      n++;
    }
  }

  int32_t hand_over() { return std::exchange(n, 0); }
};

const c10::StorageImpl* storage_of(const at::Tensor& t) {
  return t.defined() && t.has_storage() ? t.storage().unsafeGetStorageImpl() : nullptr;
}

template <class F>
void each_tensor(const c10::IValue& v, F f) {
  if (v.isTensor()) {
    f(v.toTensor());
  } else if (v.isTensorList()) {
    for (const at::Tensor& t : v.toTensorList()) f(t);
  }
}

// The bytes behind the results that none of the arguments has: those of a view belong
// to what it shows.
int64_t fresh_bytes(const torch::jit::Stack& results, const std::vector<const c10::StorageImpl*>& arguments) {
  int64_t bytes = 0;
  for (const auto& v : results) {
    each_tensor(v, [&](const at::Tensor& t) {
      auto* s = storage_of(t);
      if (s && std::find(arguments.begin(), arguments.end(), s) == arguments.end())
        bytes += static_cast<int64_t>(t.nbytes());
    });
  }
  return bytes;
}

struct Observed {
  c10::OperatorName name;
  std::vector<c10::IValue> args, results;
};

// What observe() keeps of the calling thread.
struct Observer {
  at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;
  int32_t depth = 0;  // operators that are at work: only the outermost one counts
  std::deque<Observed> calls;
};
thread_local Observer observer;

std::unique_ptr<at::ObserverContext> began(const at::RecordFunction& f) {
  if (auto name = f.operator_name(); name && observer.depth++ == 0) {
    auto args = f.inputs();
    observer.calls.push_back({*name, std::vector<c10::IValue>(args.begin(), args.end()), {}});
  }
  return nullptr;
}

void ended(const at::RecordFunction& f, at::ObserverContext*) {
  if (f.operator_name() && --observer.depth == 0) observer.calls.back().results = f.outputs();
}

// Numbers that C++ has put into tensors, as in `x * 2`.
void unwrap_numbers(std::vector<c10::IValue>& args) {
  for (auto& v : args) {
    if (v.isTensor() && v.toTensor().unsafeGetTensorImpl()->is_wrapped_number())
      v = v.toTensor().item();
  }
}

}  // namespace

ct_error* op_find(const char* name, const char* overload, ct_op* op, char** schema) {
  ct_error* e = guard([&] {
    *op = 0;
    auto found = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!found) return;
    auto* o = new Op{*found, {}, {}};  // never freed: handles are cached for good
    for (const auto& a : found->schema().arguments()) {
      o->defaults.push_back(a.default_value());
      auto optional = a.type()->cast<c10::OptionalType>();
      auto kind = (optional ? optional->getElementType() : a.type())->kind();
      o->tensor.push_back(kind == c10::TypeKind::TensorType);
    }
    *schema = copy_text(describe(*found));
    *op = reinterpret_cast<ct_op>(o);
  });
  if (!e && !*op) return make_error(CT_ERR_UNKNOWN, "no such operator");
  return e;
}

ct_error* op_overloads(const char* name, char** names) {
  return guard([&] {
    std::string text;
    for (const auto& n : c10::Dispatcher::singleton().getAllOpNames()) {
      if (n.name != name) continue;
      // Names without a schema are registered by kernels of absent libraries.
      if (!c10::Dispatcher::singleton().findSchema(n)) continue;
      if (!text.empty()) text += ' ';
      text += n.overload_name.empty() ? "default" : n.overload_name;
    }
    *names = copy_text(text);
  });
}

ct_error* call(ct_op op, const ct_value* args, int32_t nargs, const int64_t* pool,
               ct_value* results, int32_t max_results, int32_t discard, ct_result* result) {
  return work([&] {
    const auto& o = *reinterpret_cast<const Op*>(op);
    const size_t want = o.defaults.size();
    // callBoxed trusts the stack blindly: too few values are read from below it.
    TORCH_CHECK(static_cast<size_t>(nargs) <= want, "takes ", want, " arguments, got ", nargs);
    torch::jit::Stack stack;
    stack.reserve(want);
    for (size_t i = 0; i < want; i++) {
      if (i < static_cast<size_t>(nargs) && args[i].tag != CT_DEFAULT) {
        auto v = unpack(args[i], pool);
        if (o.tensor[i] && (v.isScalar() || v.isUnsigned())) v = wrapped_number(v);
        stack.emplace_back(std::move(v));
      } else {
        TORCH_CHECK(o.defaults[i], "misses its argument ", o.handle.schema().arguments()[i].name());
        stack.emplace_back(*o.defaults[i]);
      }
    }
    *result = {0, current_scope(), 0};
    bool unowned = !discard && !result->scope;
    std::vector<const c10::StorageImpl*> arguments;
    if (unowned) {
      for (const auto& v : stack)
        each_tensor(v, [&](const at::Tensor& t) { arguments.push_back(storage_of(t)); });
    }
    o.handle.callBoxed(stack);
    if (discard) return;
    TORCH_CHECK(stack.size() <= static_cast<size_t>(max_results), "returned ", stack.size(),
                " results, more than the ", max_results, " that the bridge carries");
    if (unowned) result->fresh = fresh_bytes(stack, arguments);
    Packed packed{results};
    packed.add(stack);
    result->n = packed.hand_over();
  });
}

void list_take(int64_t list, int64_t* dst, int32_t n) {
  auto* words = reinterpret_cast<int64_t*>(list);
  if (n > 0) memcpy(dst, words, sizeof(int64_t) * n);
  free(words);
}

ct_error* observe(int32_t mode) {
  return guard([&] {
    if (observer.handle != at::INVALID_CALLBACK_HANDLE) at::removeCallback(observer.handle);
    observer.handle = at::INVALID_CALLBACK_HANDLE;
    if (mode != CT_OBSERVE_END) observer.calls.clear();
    if (mode != CT_OBSERVE_BEGIN) return;
    observer.depth = 0;
    observer.handle = at::addThreadLocalCallback(
        at::RecordFunctionCallback(began, ended).needsInputs(true).needsOutputs(true).scopes(
            {at::RecordScope::FUNCTION}));
  });
}

ct_error* observed(char** name, ct_value* args, int32_t max_args, int32_t* nargs,
                   ct_value* results, int32_t max_results, int32_t* nresults) {
  return guard([&] {
    *name = nullptr;
    if (observer.calls.empty()) return;
    Observed call = std::move(observer.calls.front());
    observer.calls.pop_front();
    std::string full = c10::toString(call.name);
    TORCH_CHECK(call.args.size() <= static_cast<size_t>(max_args) &&
                    call.results.size() <= static_cast<size_t>(max_results),
                full, " has more arguments or results than the bridge carries");
    Packed packed_args{args}, packed_results{results};
    try {
      unwrap_numbers(call.args);
      packed_args.add(call.args);
      packed_results.add(call.results);
    } catch (const c10::Error& e) {
      TORCH_CHECK(false, full, " ", e.what_without_backtrace());
    }
    *name = copy_text(full);
    *nargs = packed_args.hand_over();
    *nresults = packed_results.hand_over();
  });
}

}  // namespace etude::call
