// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/connection_pool.h"

#include <utility>

namespace vassal::worker {

Connection* ConnectionPool::refill() {
    const std::lock_guard lock(mutex_);
    if (free_ != nullptr) return std::exchange(free_, nullptr);
    const std::size_t used = slabs_used_.load(std::memory_order_relaxed);
    if (used == max_slabs) return nullptr;
    slabs_[used] = std::make_unique<Slab>();
    Slab& slab = *slabs_[used];
    for (std::size_t i = 0; i + 1 < slab_size; ++i) slab[i].next = &slab[i + 1];
    slabs_used_.store(used + 1, std::memory_order_release);
    return slab.data();
}

void ConnectionPool::give_back(Connection* chain) {
    const std::lock_guard lock(mutex_);
    Connection* last = chain;
    while (last->next != nullptr) last = last->next;
    last->next = free_;
    free_ = chain;
}

}  // namespace vassal::worker
