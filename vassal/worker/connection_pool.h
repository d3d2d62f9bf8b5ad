// SPDX-License-Identifier: Apache-2.0
// All connection slots of a worker, in slabs that are made on demand and never moved or freed while it runs. Each
// thread keeps a few free slots for itself, so that taking one needs no lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>

#include "vassal/worker/connection.h"

namespace vassal::worker {

class ConnectionPool {
public:
    // Every slot ever used, free ones included. Safe beside take() and give() of other threads.
    template <class F>
    void for_each(F&& visit) const {
        const std::size_t count = slabs_used_.load(std::memory_order_acquire);
        for (std::size_t i = 0; i < count; ++i) {
            for (Connection& connection : *slabs_[i]) visit(connection);
        }
    }

private:
    friend class ConnectionCache;
    static constexpr std::size_t slab_size = 64;
    static constexpr std::size_t max_slabs = 16 * 1024;
    using Slab = std::array<Connection, slab_size>;

    // A chain of at least one slot; null when max_slabs are in use.
    [[nodiscard]] Connection* refill();
    void give_back(Connection* chain);

    std::mutex mutex_;
    Connection* free_ = nullptr;
    std::unique_ptr<std::unique_ptr<Slab>[]> slabs_ = std::make_unique<std::unique_ptr<Slab>[]>(max_slabs);
    std::atomic<std::size_t> slabs_used_{0};
};

// One thread's free slots.
class ConnectionCache {
public:
    explicit ConnectionCache(ConnectionPool& pool) noexcept : pool_(pool) {}

    [[nodiscard]] Connection* take() {
        if (free_ == nullptr) {
            free_ = pool_.refill();
            count_ = 0;
            for (const Connection* c = free_; c != nullptr; c = c->next) ++count_;
            if (free_ == nullptr) return nullptr;
        }
        Connection* const connection = free_;
        free_ = connection->next;
        --count_;
        return connection;
    }
    void give(Connection& connection) noexcept {
        connection.next = free_;
        free_ = &connection;
        if (++count_ <= max_count) return;
        pool_.give_back(free_);
        free_ = nullptr;
        count_ = 0;
    }

private:
    static constexpr std::size_t max_count = 256;
    ConnectionPool& pool_;
    Connection* free_ = nullptr;
    std::size_t count_ = 0;
};

}  // namespace vassal::worker
