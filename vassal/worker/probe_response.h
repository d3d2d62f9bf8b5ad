// SPDX-License-Identifier: Apache-2.0
// The response to a health check: nobody is sent anything, the status and the beginning of the body are kept.
#pragma once

#include <string>
#include <string_view>

#include "vassal/app/application.h"

namespace vassal::worker {

class ProbeResponse final : public app::Response {
public:
    static constexpr std::size_t kept_size = 200;  // of the body

    void start(std::string_view status) override;
    void header(std::string_view, std::string_view) override {}
    [[nodiscard]] bool has_started() const noexcept override { return status_ != 0; }
    [[nodiscard]] bool head_was_sent() const noexcept override { return is_head_sent_; }
    [[nodiscard]] app::Sent write(std::string_view chunk) override;
    void finish(std::span<const std::string_view> chunks) override;
    void finish_file(int fd, std::uint64_t offset, std::uint64_t count) override;
    void abort() override { is_complete_ = false; }
    void note_exception() noexcept override {}
    void explain_exception(std::string_view what, std::string_view traceback) override;
    void log_field(std::string_view, std::string_view) noexcept override {}

    // 0: there was none.
    [[nodiscard]] int status() const noexcept { return status_; }
    // False: the app gave up in the middle of it.
    [[nodiscard]] bool is_complete() const noexcept { return is_complete_; }
    [[nodiscard]] const std::string& body() const noexcept { return body_; }
    // Of what the app raised, or which rule of WSGI it broke; empty: neither.
    [[nodiscard]] const std::string& exception() const noexcept { return exception_; }
    [[nodiscard]] const std::string& traceback() const noexcept { return traceback_; }

private:
    void keep(std::string_view chunk);

    int status_ = 0;
    bool is_head_sent_ = false, is_complete_ = false;
    std::string body_, exception_, traceback_;
};

}  // namespace vassal::worker
