// SPDX-License-Identifier: Apache-2.0
// Hot path. Received bytes of one connection, contiguous, from begin() on. The block of standard size comes from the
// thread's BlockPool and goes back when the buffer is empty; bigger ones are made for one request and freed.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace vassal::worker {

inline constexpr std::size_t block_size = 16 * 1024;

// One thread's spare blocks. A block may return to another thread's pool than the one it came from.
class BlockPool {
public:
    using Block = std::unique_ptr<char[]>;

    BlockPool() { spare_.reserve(max_spare); }
    [[nodiscard]] Block take() {
        if (spare_.empty()) return std::make_unique_for_overwrite<char[]>(block_size);
        Block block = std::move(spare_.back());
        spare_.pop_back();
        return block;
    }
    void give(Block block) noexcept {
        if (spare_.size() < max_spare) spare_.push_back(std::move(block));
    }

private:
    static constexpr std::size_t max_spare = 16;
    std::vector<Block> spare_;
};

class InputBuffer {
public:
    [[nodiscard]] std::string_view bytes() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] char* free_begin() noexcept { return data_.get() + end_; }
    [[nodiscard]] std::size_t free_size() const noexcept { return capacity_ - end_; }
    void commit(std::size_t count) noexcept { end_ += count; }
    void consume(std::size_t count) noexcept { begin_ += count; }
    void truncate(std::size_t count) noexcept { end_ = begin_ + count; }
    void append(std::string_view bytes, BlockPool& pool) {
        if (bytes.empty()) return;
        ensure(size() + bytes.size(), pool);
        std::memcpy(free_begin(), bytes.data(), bytes.size());
        end_ += bytes.size();
    }

    // Room for `wanted` bytes in all from begin(), and for at least one more byte than there is.
    void ensure(std::size_t wanted, BlockPool& pool) {
        if (wanted <= size()) wanted = size() + 1;
        if (!data_) {
            data_ = wanted <= block_size ? pool.take() : std::make_unique_for_overwrite<char[]>(wanted);
            capacity_ = wanted <= block_size ? block_size : wanted;
            return;
        }
        if (capacity_ - begin_ >= wanted) return;
        if (capacity_ >= wanted) {
            std::memmove(data_.get(), data_.get() + begin_, size());
        } else {
            if (wanted < capacity_ * 2) wanted = capacity_ * 2;
            auto bigger = std::make_unique_for_overwrite<char[]>(wanted);
            std::memcpy(bigger.get(), data_.get() + begin_, size());
            if (capacity_ == block_size) pool.give(std::move(data_));
            data_ = std::move(bigger);
            capacity_ = wanted;
        }
        end_ -= begin_;
        begin_ = 0;
    }

    // Gives the memory back when nothing is in it.
    void release_if_empty(BlockPool& pool) noexcept {
        if (size() == 0) discard(pool);
    }
    void discard(BlockPool& pool) noexcept {
        if (capacity_ == block_size) pool.give(std::move(data_));
        data_.reset();
        capacity_ = begin_ = end_ = 0;
    }

private:
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace vassal::worker
