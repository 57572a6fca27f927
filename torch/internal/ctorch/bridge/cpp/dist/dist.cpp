// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Stores, process groups and the reducer of gradients, all of them c10d's.

#define USE_C10D_GLOO  // as libtorch itself was compiled
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>

#include "../guard.h"
#include "ct_dist.h"

namespace etude::dist {
namespace {

using std::chrono::milliseconds;
using Tensors = std::vector<at::Tensor>;

at::Tensor take(void* t) {
  std::unique_ptr<at::Tensor> given(static_cast<at::Tensor*>(t));
  return std::move(*given);
}

Tensors take(void* const* ts, int32_t n) {
  Tensors taken;
  for (int32_t i = 0; i < n; i++) taken.push_back(take(ts[i]));
  return taken;
}

// Gloo writes to connections that another process may have closed, and is sent SIGPIPE then. Go
// lets that end the program in threads that it has not started, and these inherit the mask.
struct NoSigpipe {
  sigset_t before;
  NoSigpipe() {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
  }
  ~NoSigpipe() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
};

// ---- stores ----

c10d::Store* store_of(ct_store s) { return reinterpret_cast<c10d::Store*>(s); }

ct_error* store_new(const char* host, int32_t port, int32_t server, int32_t join, int64_t timeout,
                    ct_store* out) {
  return guard([&] {
    NoSigpipe inherited;
    c10d::TCPStoreOptions o;
    o.port = static_cast<uint16_t>(port);
    o.isServer = server != 0;
    o.waitWorkers = join != 0;
    if (join) o.numWorkers = 1;  // any number: only a server waits for it
    o.timeout = milliseconds(timeout);
    c10::intrusive_ptr<c10d::Store> s = c10::make_intrusive<c10d::TCPStore>(host, o);
    *out = reinterpret_cast<ct_store>(s.release());
  });
}

void store_free(ct_store s) {
  guard([&] { c10::intrusive_ptr<c10d::Store>::reclaim(store_of(s)).reset(); });
}

ct_error* store_set(ct_store s, const char* key, const char* value) {
  return guard([&] { store_of(s)->set(key, std::vector<uint8_t>(value, value + strlen(value))); });
}

ct_error* store_get(ct_store s, const char* key, char** value) {
  return guard([&] {
    *value = nullptr;
    if (!store_of(s)->check({key})) return;
    auto bytes = store_of(s)->get(key);
    *value = strndup(reinterpret_cast<char*>(bytes.data()), bytes.size());
  });
}

ct_error* store_add(ct_store s, const char* key, int64_t n, int64_t* sum) {
  return guard([&] { *sum = store_of(s)->add(key, n); });
}

// ---- groups ----

// A call of Gloo's, which may also end because a connection is broken.
struct Call : c10d::Work {
  c10::intrusive_ptr<c10d::Work> gloo;
  c10::intrusive_ptr<c10::ivalue::Future> future;
  int broken = 0;  // how often a connection was found broken since it began

  explicit Call(c10::intrusive_ptr<c10d::Work> work) : gloo(std::move(work)) {
    auto theirs = gloo->getFuture();
    future = c10::make_intrusive<c10::ivalue::Future>(theirs->elementType(), theirs->devices());
  }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future; }
  bool wait(milliseconds timeout) override {
    future->waitAndThrow();
    return gloo->wait(timeout);
  }
};

// A call that has read a part of a message when the connection breaks is not told of it by Gloo,
// and would wait until the timeout. So a thread looks for broken connections while there are calls.
// Another rank may have left after its last call, whose data are still on their way: so they get
// some time. The thread ends with a call that it has ended, because no connection is left then.
class Gloo : public c10d::ProcessGroupGloo {
  std::mutex mu_;
  std::condition_variable closing_changed_, ended_;
  std::unordered_set<Call*> open_;
  bool watched_, closing_ = false, waiting_ = false;
  std::thread watcher_;

  bool whole() {
    bool all = true;
    each_pair([&](auto& pair) { all &= pair.isConnected(); });
    return all;
  }

  // Reports whether the call was in progress until now.
  bool end(Call& call) {
    std::lock_guard lock(mu_);
    bool ended = open_.erase(&call) > 0;
    ended_.notify_all();
    return ended;
  }

  void look() {
    std::unique_lock lock(mu_);
    auto done = [&] { return closing_ || (waiting_ && open_.empty()); };
    while (!closing_changed_.wait_for(lock, milliseconds(500), done)) {
      if (open_.empty() || whole()) continue;
      std::vector<c10::intrusive_ptr<Call>> lost;
      for (auto* call : open_)
        if (++call->broken == 6) lost.push_back(c10::intrusive_ptr<Call>::reclaim_copy(call));
      waiting_ |= !lost.empty();
      lock.unlock();
      for (auto& call : lost)
        if (end(*call)) call->future->setError(std::make_exception_ptr(std::runtime_error("Connection closed by peer")));
      lock.lock();
    }
  }

  c10::intrusive_ptr<c10d::Work> watch(c10::intrusive_ptr<c10d::Work> work) {
    if (!watched_) return work;
    auto call = c10::make_intrusive<Call>(std::move(work));
    {
      std::lock_guard lock(mu_);
      open_.insert(call.get());
    }
    call->gloo->getFuture()->addCallback([this, call](c10::ivalue::Future& theirs) {
      if (!end(*call)) return;
      if (theirs.hasError())
        call->future->setError(theirs.exception_ptr());
      else
        call->future->markCompleted(theirs.value());
    });
    return call;
  }

 public:
  Gloo(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, c10::intrusive_ptr<Options> options)
      : ProcessGroupGloo(store, rank, size, std::move(options)), watched_(whole()), watcher_([this] { look(); }) {}
  ~Gloo() override {
    {
      std::lock_guard lock(mu_);
      closing_ = true;
    }
    closing_changed_.notify_all();
    watcher_.join();
  }

  // Waits for calls that nobody waits for, and reports whether a thread of Gloo's goes on waiting
  // in vain, until the timeout.
  bool waits_in_vain() {
    std::unique_lock lock(mu_);
    ended_.wait(lock, [&] { return open_.empty(); });
    return waiting_;
  }

  template <class F>
  void each_pair(F&& f) {
    for (auto& context : contexts_)
      for (int rank = 0; rank < getSize(); rank++)
        if (auto* pair = context->getPair(rank).get(); pair && rank != getRank())
          f(*reinterpret_cast<gloo::transport::tcp::Pair*>(pair));
  }

  c10::intrusive_ptr<c10d::Work> allreduce(Tensors& ts, const c10d::AllreduceOptions& o) override {
    return watch(ProcessGroupGloo::allreduce(ts, o));
  }
  c10::intrusive_ptr<c10d::Work> broadcast(Tensors& ts, const c10d::BroadcastOptions& o) override {
    return watch(ProcessGroupGloo::broadcast(ts, o));
  }
  c10::intrusive_ptr<c10d::Work> allgather(std::vector<Tensors>& out, Tensors& in, const c10d::AllgatherOptions& o) override {
    return watch(ProcessGroupGloo::allgather(out, in, o));
  }
  c10::intrusive_ptr<c10d::Work> barrier(const c10d::BarrierOptions& o) override {
    return watch(ProcessGroupGloo::barrier(o));
  }
};

struct Group {
  c10::intrusive_ptr<c10d::ProcessGroup> pg;
  c10::intrusive_ptr<Gloo> gloo;
};

Group& group_of(ct_group g) { return *reinterpret_cast<Group*>(g); }

ct_error* group_new(const ct_group_options* o, ct_group* out) {
  return guard([&] {
    NoSigpipe inherited;
    c10::intrusive_ptr<c10d::Backend> nccl;
    if (o->nccl) nccl = c10::intrusive_ptr<c10d::Backend>::reclaim(static_cast<c10d::Backend*>(o->nccl));
    c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::PrefixStore>(
        std::string(o->prefix) + "cpu/",
        c10::intrusive_ptr<c10d::Store>::reclaim_copy(store_of(o->store)));
    auto options = c10d::ProcessGroupGloo::Options::create(milliseconds(o->timeout));
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(o->address));
    auto group = std::make_unique<Group>();
    group->gloo = c10::make_intrusive<Gloo>(store, o->rank, o->size, options);
    group->pg = c10::make_intrusive<c10d::ProcessGroup>(store, o->rank, o->size);
    using Type = c10d::ProcessGroup::BackendType;
    group->pg->setBackend(c10::kCPU, Type::GLOO, c10::intrusive_ptr<c10d::Backend>(group->gloo));
    group->pg->setDefaultBackend(Type::GLOO);
    if (nccl) group->pg->setBackend(c10::kCUDA, Type::NCCL, nccl);
    *out = reinterpret_cast<ct_group>(group.release());
  });
}

void group_free(ct_group g) {
  guard([&] {
    if (!group_of(g).gloo->waits_in_vain()) delete &group_of(g);  // which would wait, too
  });
}

ct_error* group_abort(ct_group g) {
  return guard([&] {
    auto& group = group_of(g);
    // Gloo closes connections at a timeout so; Context::closeConnections leaves who waits waiting.
    group.gloo->each_pair([](auto& pair) { pair.signalExceptionExternal("aborted"); });
    group.pg->abort();  // NCCL's; Gloo's does nothing
  });
}

ct_error* all_reduce(ct_group g, void* t, int32_t op) {
  return guard([&] {
    Tensors ts{take(t).detach()};
    c10d::AllreduceOptions options;
    options.reduceOp = static_cast<c10d::ReduceOp::RedOpType>(op);
    group_of(g).pg->allreduce(ts, options)->wait();
  });
}

ct_error* broadcast(ct_group g, void* t, int32_t root) {
  return guard([&] {
    Tensors ts{take(t).detach()};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    group_of(g).pg->broadcast(ts, options)->wait();
  });
}

// Puts t of each process into out, whose gradient is the sum of those of all processes, as in
// torch.distributed.nn.functional. libtorch's own function of this kind exists in Python alone.
struct AllGather : torch::autograd::Function<AllGather> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& t, at::Tensor out,
                            const c10::IValue& group) {
    auto pg = c10::static_intrusive_pointer_cast<c10d::ProcessGroup>(group.toCapsule());
    std::vector<Tensors> parts(1);
    for (int rank = 0; rank < pg->getSize(); rank++) parts[0].push_back(at::empty_like(t, at::MemoryFormat::Contiguous));
    Tensors in{t.contiguous()};
    pg->allgather(parts, in)->wait();
    out.copy_(at::stack(parts[0]));
    context->mark_dirty({out});
    context->saved_data["group"] = group;  // which may be closed before the backward pass
    return out;
  }

  static Tensors backward(torch::autograd::AutogradContext* context, Tensors gradients) {
    auto pg = c10::static_intrusive_pointer_cast<c10d::ProcessGroup>(context->saved_data["group"].toCapsule());
    Tensors sum{gradients[0].clone(at::MemoryFormat::Contiguous)};
    pg->allreduce(sum)->wait();
    return {sum[0][pg->getRank()], {}, {}};
  }
};

ct_error* all_gather(ct_group g, void* t, void* out) {
  return guard([&] { AllGather::apply(take(t), take(out), c10::IValue::make_capsule(group_of(g).pg)); });
}

ct_error* barrier(ct_group g) {
  return guard([&] { group_of(g).pg->barrier()->wait(); });
}

ct_error* monitored_barrier(ct_group g, int64_t timeout) {
  return guard([&] {
    c10d::BarrierOptions options;
    options.timeout = milliseconds(timeout);
    group_of(g).gloo->monitoredBarrier(options, /*waitAllRanks=*/true);
  });
}

// ---- gradients ----

constexpr size_t kBroadcastBytes = 250 << 20;  // as in torch.nn.parallel

struct Reducer {
  Tensors params, buffers;
  bool find_unused;
  Group* group;
  std::unique_ptr<c10d::Reducer> engine;
};

Reducer& reducer_of(ct_reducer r) { return *reinterpret_cast<Reducer*>(r); }

// Later versions of libtorch know a cap for each bucket; this one for all of them is enough.
template <class Engine, class... Args>
std::unique_ptr<Engine> make_engine(Args&&... args) {
  if constexpr (std::is_constructible_v<Engine, Args..., std::vector<int64_t>>)
    return std::make_unique<Engine>(std::forward<Args>(args)..., std::vector<int64_t>{});
  else
    return std::make_unique<Engine>(std::forward<Args>(args)...);
}

ct_error* reducer_new(ct_group g, void* const* params, const char* const* names, int32_t nparams,
                      void* const* state, int32_t nstate, int32_t nbuffers,
                      const ct_reducer_options* o, ct_reducer* out) {
  return guard([&] {
    auto r = std::make_unique<Reducer>();
    r->params = take(params, nparams);
    auto all = take(state, nstate);
    r->buffers.assign(all.end() - nbuffers, all.end());
    r->find_unused = o->find_unused_parameters != 0;
    r->group = &group_of(g);
    std::unordered_map<size_t, std::string> by_index;
    for (int32_t i = 0; i < nparams; i++) by_index[i] = names[i];

    c10d::verify_params_across_processes(r->group->pg, r->params, std::nullopt);
    at::NoGradGuard no_grad;
    c10d::broadcast_coalesced(r->group->pg, all, kBroadcastBytes);

    // One bucket at first, unless buckets are never built again, which needs the order in
    // which gradients come; then the last parameters, whose gradients come first, lead.
    constexpr auto first = static_cast<int64_t>(c10d::kDefaultFirstBucketBytes);
    std::vector<size_t> limits{SIZE_MAX >> 1};
    if (r->find_unused) limits = {static_cast<size_t>(first), static_cast<size_t>(o->bucket_bytes_cap)};
    auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(r->params, limits));
    std::reverse(buckets.begin(), buckets.end());
    r->engine = make_engine<c10d::Reducer>(
        r->params, buckets, r->group->pg, std::vector<bool>(nparams, false), o->bucket_bytes_cap,
        r->find_unused, o->gradient_as_bucket_view != 0, by_index, first,
        /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false);
    *out = reinterpret_cast<ct_reducer>(r.release());
  });
}

void reducer_free(ct_reducer r) {
  guard([&] { delete &reducer_of(r); });
}

// In the order of torch.nn.parallel, so that a rank of Python's may be among the others.
ct_error* reducer_forward(ct_reducer handle) {
  return guard([&] {
    auto& r = reducer_of(handle);
    r.engine->prepare_for_forward();
    r.engine->rebuild_buckets();
    at::NoGradGuard no_grad;
    if (!r.buffers.empty()) c10d::broadcast_coalesced(r.group->pg, r.buffers, kBroadcastBytes);
  });
}

ct_error* reducer_backward(ct_reducer handle, void* t, int32_t* unused) {
  return guard([&] {
    auto& r = reducer_of(handle);
    Tensors loss{take(t)};
    std::unordered_set<torch::autograd::Node*> seen;
    std::vector<torch::autograd::Node*> open{torch::autograd::impl::gradient_edge(loss[0]).function.get()};
    while (!open.empty()) {
      auto* node = open.back();
      open.pop_back();
      if (!node || !seen.insert(node).second) continue;
      for (const auto& edge : node->next_edges()) open.push_back(edge.function.get());
    }
    bool all = true;
    for (size_t i = 0; i < r.params.size(); i++) {
      unused[i] = !seen.contains(torch::autograd::impl::grad_accumulator(r.params[i]).get());
      all &= !unused[i];
    }
    // It would warn where none is unused, which the caller cannot know before it has looked.
    struct Quiet final : c10::WarningHandler {
      void process(const c10::Warning&) override {}
    } quiet;
    c10::WarningUtils::WarningHandlerGuard silence(&quiet);
    if (r.find_unused)
      r.engine->prepare_for_backward(loss);
    else if (all)
      r.engine->prepare_for_backward({});
  });
}

}  // namespace
}  // namespace etude::dist

#define ENTRIES(E)     \
  E(store_new)         \
  E(store_free)        \
  E(store_set)         \
  E(store_get)         \
  E(store_add)         \
  E(group_new)         \
  E(group_free)        \
  E(group_abort)       \
  E(all_reduce)        \
  E(broadcast)         \
  E(all_gather)        \
  E(barrier)           \
  E(monitored_barrier) \
  E(reducer_new)       \
  E(reducer_free)      \
  E(reducer_forward)   \
  E(reducer_backward)

#define FIELD(name) .name = etude::dist::name,
#define ONE(name) +1

static_assert(offsetof(ct_dist_api, store_new) + sizeof(void*) * (0 ENTRIES(ONE)) ==
                  sizeof(ct_dist_api),
              "an entry of ct_dist_api is missing above");

extern "C" __attribute__((visibility("default"))) const ct_dist_api* ct_dist_get_api(void) {
  static const ct_dist_api api = {
      .abi = CT_DIST_ABI, .size = sizeof(ct_dist_api), ENTRIES(FIELD)};
  return &api;
}
