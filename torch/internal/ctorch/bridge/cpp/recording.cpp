// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// The entries that record and replay steps.

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include "guard.h"
#include "record.h"
#include "replay.h"

namespace etude::record {
namespace {

struct Step {
  std::unique_ptr<Recorder> recorder;  // of the step that is under way
  std::optional<Recording> last;   // of the step before; when there is a plan, the planned one
  std::optional<Snapshot> before;  // the third step
  std::optional<Snapshot> state;   // what a step leaves behind
  std::unique_ptr<Replay> replay;  // on the CPU
  ct_graph graph{};                // on a GPU
  std::vector<at::Tensor> results;

  ~Step() { launch({}); }
  void launch(ct_graph g) {
    if (auto old = std::exchange(graph, g); old.graph) old.free(old.graph);
  }
  void end(const std::vector<at::Tensor>& results);
  void plan(const Recording&);
};

Step& step_of(ct_recording r) { return *reinterpret_cast<Step*>(r); }

// Where a plan does not give the bits of the step that was recorded, one with less in it may.
void Step::plan(const Recording& second) {
  struct {
    bool move, lowered;
  } const ways[] = {{true, true}, {true, false}, {false, false}};
  std::string why;
  for (auto& way : ways) {
    before->restore();
    replay = std::make_unique<Replay>(second, way.move, way.lowered);
    try {
      replay->prove();
      before->restore();
      replay->step();
      why = state->difference();
      if (why.empty()) return;
    } catch (const c10::Error& e) {
      why = e.what_without_backtrace();
    } catch (const std::exception& e) {
      why = e.what();
    }
  }
  throw Refused("a replay does not give the bits of the step: " + why);
}

void Step::end(const std::vector<at::Tensor>& tensors) {
  auto r = std::exchange(recorder, nullptr)->finish(tensors, last && !last->released);
  bool planned = r.device.is_cpu();
  if (!last) {
    if (planned) before.emplace(r);
    last = std::move(r);
    return;
  }
  compare(*last, r);
  if (last->released) return;
  if (planned) {
    state.emplace(r);
    try {
      plan(r);
    } catch (...) {
      replay.reset();
      state->restore();
      throw;
    }
    before.reset();
    state->forget();
  }
  // Tensors for autograd, which sees no connection to the step.
  for (size_t i = 0; i < tensors.size(); i++) {
    const auto& t = planned ? r.places[r.results[i]].tensor : tensors[i];
    results.push_back(at::empty({0}, t.options()).set_(t.storage(), t.storage_offset(), t.sizes(), t.strides()));
  }
  release_memory(r);
  last = std::move(r);
}

}  // namespace

ct_error* record_new(ct_recording* out) {
  return guard([&] { *out = reinterpret_cast<ct_recording>(new Step); });
}

ct_error* record_begin(ct_recording r) {
  return guard([&] {
    Step& step = step_of(r);
    if (step.before) step.before = step.before->now();  // the caller may have changed it since
    step.recorder = std::make_unique<Recorder>();
  });
}

ct_error* record_end(ct_recording r, const ct_tensor* results, int32_t n, int32_t* device, char** refused) {
  *refused = nullptr;
  return work([&] {
    Step& step = step_of(r);
    std::vector<at::Tensor> tensors;
    for (int32_t i = 0; i < n; i++) tensors.push_back(borrow(results[i]));
    try {
      step.end(tensors);
      *device = step.last->device.is_cuda() ? step.last->device.index() : -1;
    } catch (const Refused& e) {
      *refused = strdup(e.what());
    }
  });
}

void record_graph(ct_recording r, ct_graph graph) { step_of(r).launch(graph); }

void record_abandon(ct_recording r) { step_of(r).recorder.reset(); }

void record_free(ct_recording r) { delete &step_of(r); }

ct_error* record_results(ct_recording r, ct_tensor* out) {
  return guard([&] {
    for (at::Tensor t : step_of(r).results) *out++ = release(std::move(t));
  });
}

void record_plan(ct_recording r, ct_plan* out) {
  const Step& step = step_of(r);
  *out = {};
  if (step.last) out->recorded = static_cast<int32_t>(step.last->nodes.size());
  if (!step.replay) return;
  const Replay& replay = *step.replay;
  const Plan& p = replay.plan();
  *out = {p.recorded, p.views, p.dead, p.hoisted, p.copies, p.cats, replay.lowered(), replay.outs(), 0,
          p.arena.defined() ? static_cast<int64_t>(p.arena.nbytes()) : 0};
  out->called = static_cast<int32_t>(p.nodes.size()) - out->lowered - out->out;
}

ct_error* replay(ct_recording r, int64_t n, const int32_t* stop, int64_t* done) {
  *done = 0;
  ct_error* failed = nullptr;
  ct_error* thrown = work([&] {
    Step& step = step_of(r);
    if (step.replay && at::get_num_threads() != step.replay->threads()) {  // kernels divide their work otherwise
      auto now = step.state->now();
      try {
        step.replay->prove();
      } catch (...) {
        now.restore();
        throw;
      }
      now.restore();
    }
    for (; !failed && *done < n && !__atomic_load_n(stop, __ATOMIC_RELAXED); *done += !failed) {
      if (step.replay) step.replay->step();
      else failed = step.graph.replay(step.graph.graph);
    }
    for (auto& [storage, version] : step.last->versions) c10::VariableVersion(version).bump();
  });
  return thrown ? thrown : failed;
}

}  // namespace etude::record
