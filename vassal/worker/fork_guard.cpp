// SPDX-License-Identifier: Apache-2.0
#include "vassal/worker/fork_guard.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

namespace vassal::worker {
namespace {

// pthread_atfork handlers take no argument and cannot be removed: the one global of this room.
std::atomic<Shared*> guarded{nullptr};

// Only the forking thread lives here, and it may hold any lock: no lock, no heap.
void close_everything() noexcept {
    Shared* const shared = guarded.load(std::memory_order_acquire);
    if (shared == nullptr) return;
    shared->is_forked_child.store(true, std::memory_order_relaxed);
    for (const WorkerListener& listener : shared->options.listeners) ::close(listener.fd);
    ::close(shared->options.link);
    if (shared->options.activity) ::close(shared->options.activity->eventfd());  // nobody counts requests here
    shared->reactor.close();
    shared->connections.for_each([](Connection& connection) {
        if (connection.fd >= 0) ::close(connection.fd);
        connection.fd = -1;
    });
}

}  // namespace

ForkGuard::ForkGuard(Shared& shared) noexcept {
    static const int registered = ::pthread_atfork(nullptr, nullptr, close_everything);
    static_cast<void>(registered);  // ENOMEM: the app's children keep descriptors open, nothing else
    guarded.store(&shared, std::memory_order_release);
}

ForkGuard::~ForkGuard() { guarded.store(nullptr, std::memory_order_release); }

}  // namespace vassal::worker
