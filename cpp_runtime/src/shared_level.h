// What was said for all contexts of a model, used by some threads while others change it.
#pragma once

#include "base.h"

namespace slu {

// Held for some instructions only.
class SpinLock {
 public:
  void lock();
  void unlock() { __atomic_store_n(&locked_, 0u, __ATOMIC_RELEASE); }

 private:
  uint32_t locked_ = 0;
};

// `Level` never changes: a change makes a new one. It has `references`, which are under the lock, and a function
// level_free(Level *), to which null may be given.
template <class Level>
class SharedLevel {
 public:
  // Whether there may be a level. Costs one load.
  bool any() const { return __atomic_load_n(&present_, __ATOMIC_RELAXED); }
  // The present level, null when it says nothing. It stays until it is released.
  Level *acquire() {
    if (!any()) return nullptr;  // most models, always
    lock_.lock();
    Level *level = __atomic_load_n(&present_, __ATOMIC_RELAXED);
    if (level) ++level->references;
    lock_.unlock();
    return level;
  }
  void release(Level *level) {
    if (!level) return;
    lock_.lock();
    const bool last = --level->references == 0;
    lock_.unlock();
    if (last) level_free(level);
  }
  // `next` becomes the present level if `old`, which was acquired, still is it.
  bool exchange(Level *old, Level *next) {
    lock_.lock();
    const bool done = __atomic_load_n(&present_, __ATOMIC_RELAXED) == old;
    if (done) __atomic_store_n(&present_, next, __ATOMIC_RELAXED);
    if (done && old) --old->references;  // the caller has one more
    lock_.unlock();
    return done;
  }
  // Nobody uses it any more.
  void free() { level_free(present_); }

 private:
  SpinLock lock_;
  Level *present_ = nullptr;
};

}  // namespace slu
