// SPDX-License-Identifier: Apache-2.0
// A request body that the app reads from the connection while it runs (`stream_body`). One per thread, in use from the
// call of the app to the end of its response. Reads no further than the body where its length is known; what came
// beyond it otherwise is kept for the next request.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "vassal/app/application.h"
#include "vassal/worker/body_decoder.h"
#include "vassal/worker/connection.h"
#include "vassal/worker/meter.h"
#include "vassal/worker/response.h"

namespace vassal::worker {

class SocketBody final : public app::BodyStream {
public:
    SocketBody(app::Application& application, Meter& meter, ResponseSink& sink, std::int64_t timeout_ms) noexcept
        : application_(application), meter_(meter), sink_(sink), timeout_ms_(timeout_ms) {}

    // `bytes` have come with the head already. `expects_continue`: the client waits for a word before it sends.
    void begin(int fd, std::string_view bytes, BodyDecoder decoder, bool expects_continue);
    [[nodiscard]] app::Body body() noexcept {
        return {.memory = {}, .file = -1, .size = decoder_->length().value_or(UINT64_MAX), .stream = this};
    }

    [[nodiscard]] std::size_t read(char* to, std::size_t size) override;
    [[nodiscard]] app::BodyEnd end() const noexcept override { return end_; }
    void cancel() noexcept override;

    // The response is complete: takes what is left of the body if it is small and there. False: more is to come, the
    // connection cannot be kept.
    [[nodiscard]] bool settle();
    // After settle(): how many of the bytes that came with the head belong to the body, and what else was received.
    [[nodiscard]] std::size_t used_of_first() const noexcept { return first_size_ - (is_first_ ? raw_.size() : 0); }
    [[nodiscard]] std::string_view beyond() const noexcept { return is_first_ ? std::string_view() : raw_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return decoder_->size(); }

private:
    // Takes the framing off some of raw_. False: the body has ended, and end_ says how.
    bool decode();
    // Without waiting; 0: nothing is there, or nothing more will be (end_ says so).
    [[nodiscard]] std::size_t receive_now(char* to, std::size_t size);
    [[nodiscard]] std::size_t receive_or_wait(char* to, std::size_t size);
    [[nodiscard]] char* buffer();

    app::Application& application_;
    Meter& meter_;
    ResponseSink& sink_;
    std::int64_t timeout_ms_;
    int fd_ = -1;
    std::optional<BodyDecoder> decoder_;
    std::string_view raw_;    // received, with its framing: in the connection's input at first, then in buffer_
    std::string_view piece_;  // decoded and not read yet, within what was raw
    std::size_t first_size_ = 0;
    bool is_first_ = true;  // raw_ is in the connection's input
    bool expects_continue_ = false;
    bool is_reading_ = false;  // a thread is in read(); guarded by the interpreter lock
    app::BodyEnd end_ = app::BodyEnd::none;
    std::unique_ptr<char[]> buffer_;
};

}  // namespace vassal::worker
