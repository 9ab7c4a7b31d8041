#include "shared_level.h"

#include "os.h"

namespace slu {

// Not inline: in files that are compiled for size, Clang calls a function of its library for the exchange.
void SpinLock::lock() {
  while (__atomic_exchange_n(&locked_, 1u, __ATOMIC_ACQUIRE)) os_yield();
}

}  // namespace slu
