// SPDX-License-Identifier: Apache-2.0
// Hot path. Writes the head of one response in the protocol of its connection and decides how the body is framed.
// HTTP: Date, Server, Connection; Content-Length or chunked. uwsgi: status line and the app's fields, body until close
// (never chunked: nginx would frame it a second time). SCGI: the same with CGI's "Status:" in place of the status line;
// FastCGI: that too, and records end the body, not the connection. Fields that belong to the connection are the
// server's: what an app says there is dropped, except that "Connection: close" is honoured.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vassal/protocol/text_buffer.h"

namespace vassal::protocol {

enum class BodyFraming { none, length, chunked, until_close };

struct ResponseContext {
    bool is_http = false;
    bool is_cgi = false;      // FastCGI, SCGI
    bool is_framed = false;   // FastCGI: by records
    bool is_http11 = false;   // of the request
    bool is_head = false;     // HEAD: no body
    bool keep_alive = false;  // the client and the worker would
    std::string_view date;    // IMF-fixdate
};

class ResponseHead {
public:
    void start(const ResponseContext& context, std::string_view status);
    void header(std::string_view name, std::string_view value);
    // Whatever was promised so far: the connection ends with this answer.
    void close_afterwards() noexcept { keep_alive_ = false; }
    // Ends the head. `total`: size of the whole body where it is known.
    void finish(std::optional<std::uint64_t> total);

    [[nodiscard]] std::string_view bytes() const noexcept { return text_.view(); }
    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] bool is_started() const noexcept { return is_started_; }
    // After finish():
    [[nodiscard]] BodyFraming framing() const noexcept { return framing_; }
    [[nodiscard]] std::uint64_t length() const noexcept { return length_.value_or(0); }
    [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }
    void reset() noexcept { is_started_ = false; }

private:
    enum class Field { other, content_length, date, server, connection, hop_by_hop };

    [[nodiscard]] static Field classify(std::string_view name) noexcept;
    void take_length(std::string_view value);
    void choose_framing(std::optional<std::uint64_t> total);
    void write_connection();

    TextBuffer text_;
    ResponseContext context_;
    std::optional<std::uint64_t> length_;
    BodyFraming framing_ = BodyFraming::none;
    int status_ = 0;
    bool is_started_ = false, has_no_body_ = false, has_date_ = false, has_server_ = false, keep_alive_ = false;
};

// "Sun, 06 Nov 1994 08:49:37 GMT", written once per second.
class HttpDate {
public:
    [[nodiscard]] std::string_view at(std::int64_t epoch_seconds) noexcept;

private:
    std::int64_t second_ = -1;
    char text_[30] = {};
};

// What the server says by itself: a short text/plain page that names the status; then the connection closes. Without a
// date in the context there is none in the reply. `more_fields` are whole lines, each with its CRLF.
void write_status_reply(int status, const ResponseContext& context, TextBuffer& out, std::string_view more_fields = {});
[[nodiscard]] std::size_t status_reply_body_size(int status) noexcept;
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

}  // namespace vassal::protocol
