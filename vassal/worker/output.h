// SPDX-License-Identifier: Apache-2.0
// What a client did not take at once: bytes, then optionally a part of a file or bytes that the application keeps
// alive, then a tail. Sent without ever blocking.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"
#include "vassal/app/application.h"

namespace vassal::worker {

enum class SendState : std::uint8_t {
    done,    // everything is with the kernel
    full,    // the socket takes nothing more now, or it is the turn of others: go on when it is writable
    gone,    // the client closed
    failed,  // another error of send or of the file
};

struct SendResult {
    SendState state = SendState::done;
    std::uint64_t sent = 0;
};

// sendmsg without waiting; consumes from the front of `parts`.
[[nodiscard]] SendResult send_parts(int fd, std::span<iovec> parts, bool more_follows) noexcept;

class Output {
public:
    [[nodiscard]] bool is_empty() const noexcept {
        return left() == 0 && count_ == 0 && held_.empty() && tail_.empty();
    }
    [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - at_; }

    void append(std::string_view bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    // After the bytes: `count` bytes of `fd` from `offset`. False: the descriptor could not be duplicated.
    [[nodiscard]] bool append_file(int fd, std::uint64_t offset, std::uint64_t count);
    // The same in FastCGI's records; then the end of request `id`, or its break.
    [[nodiscard]] bool append_framed_file(int fd, std::uint64_t offset, std::uint64_t count, std::uint16_t id,
                                          bool is_complete);
    // After the bytes: these, not copied. With the interpreter lock; let_go() likewise, before clear().
    void append_held(std::string_view bytes, const app::Hold& hold) noexcept;
    [[nodiscard]] bool is_holding() const noexcept { return hold_.owner != nullptr; }
    void let_go() noexcept;
    // After the file or what is held. Static text.
    void append_tail(std::string_view tail) noexcept { tail_ = tail; }

    [[nodiscard]] SendResult flush(int fd);
    void clear() noexcept;

private:
    [[nodiscard]] SendResult flush_bytes(int fd) noexcept;
    [[nodiscard]] static SendResult flush_view(int fd, std::string_view& view, bool more_follows) noexcept;
    [[nodiscard]] SendResult flush_framed_file(int fd);

    std::vector<char> bytes_;
    std::size_t at_ = 0;
    common::UniqueFd file_;
    std::uint64_t offset_ = 0;
    std::uint64_t count_ = 0;
    std::string_view held_;  // what is left of it
    app::Hold hold_;
    std::string_view tail_;
    std::uint64_t slice_ = 0;    // of the file, behind a record header that is among the bytes
    std::uint16_t request_ = 0;  // FastCGI: whose file it is; 0: not framed
    bool is_complete_ = false;
};

// sendfile without waiting, a few MiB at most; advances offset and count.
[[nodiscard]] SendResult send_file(int fd, int file, std::uint64_t& offset, std::uint64_t& count) noexcept;

}  // namespace vassal::worker
