// SPDX-License-Identifier: Apache-2.0
#include "vassal/link/activity.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace vassal::link {

common::Result<Activity> Activity::create() {
    common::UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) return common::system_error("eventfd");
    void* const page =
        ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);  // zeroes
    if (page == MAP_FAILED) return common::system_error("mmap");
    return Activity(static_cast<Page*>(page), std::move(event));
}

Activity::Activity(Activity&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)), eventfd_(std::move(other.eventfd_)) {}

Activity& Activity::operator=(Activity&& other) noexcept {
    std::swap(page_, other.page_);
    std::swap(eventfd_, other.eventfd_);
    return *this;
}

Activity::~Activity() {
    if (page_ != nullptr) ::munmap(page_, sizeof(Page));
}

// Of many threads one writes: the exchange has one winner.
void Activity::announce() const noexcept {
    if (page_->state.exchange(State::news) == State::asleep) wake();
}

void Activity::wake() const noexcept {
    const int before = errno;
    const std::uint64_t one = 1;
    static_cast<void>(!::write(eventfd_.get(), &one, sizeof one));
    errno = before;
}

bool Activity::take_news() noexcept {
    std::uint64_t count = 0;
    static_cast<void>(!::read(eventfd_.get(), &count, sizeof count));
    page_->is_hurried.store(0);
    return page_->state.exchange(State::quiet) == State::news;
}

bool Activity::fall_asleep() noexcept {
    State expected = State::quiet;
    return page_->state.compare_exchange_strong(expected, State::asleep);
}

}  // namespace vassal::link
