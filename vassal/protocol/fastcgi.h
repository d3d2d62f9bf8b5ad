// SPDX-License-Identifier: Apache-2.0
// Hot path. FastCGI 1.0, role responder: everything travels in records (version, type, request id, size, padding).
//   head:  BEGIN_REQUEST, PARAMS in any number of records, an empty PARAMS; views point into the records, or into the
//          arena where the variables are spread over several.
//   body:  STDIN in any number of records, an empty STDIN. CONTENT_LENGTH says how much that must be; where there is
//          none, the end of the stream does (Head::is_chunked).
//   answer: STDOUT records, an empty STDOUT, END_REQUEST.
// One request at a time: a second one that begins while the first is being received is told that multiplexing is not
// supported. What is asked beside requests is answered into `replies`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "vassal/protocol/protocol.h"
#include "vassal/protocol/text_buffer.h"

namespace vassal::protocol {

namespace fastcgi {

inline constexpr std::size_t header_size = 8;
inline constexpr std::size_t max_content = 65'528;  // of records that are sent: the most that needs no padding
inline constexpr std::size_t end_size = 24;

[[nodiscard]] constexpr std::size_t padding_of(std::size_t size) noexcept { return (8 - size % 8) % 8; }
// The header of a STDOUT record, `header_size` bytes.
void write_stdout_header(char* out, std::uint16_t id, std::size_t size, std::size_t padding) noexcept;
// An empty STDOUT and END_REQUEST.
[[nodiscard]] std::array<char, end_size> end_of_request(std::uint16_t id) noexcept;
// In place of the end, where an answer breaks off: ABORT_REQUEST. A responder does not send it, so every client takes it
// for an error, while nginx takes the mere end of a connection for the end of an answer.
[[nodiscard]] std::array<char, header_size> break_of_request(std::uint16_t id) noexcept;
// A whole answer in records.
void append_answer(std::uint16_t id, std::string_view text, TextBuffer& out);

}  // namespace fastcgi

// Where a head stands; kept with the connection, reset for each request.
struct FastCgiScan {
    std::uint32_t at = 0;      // begin of the first record that was not looked at
    std::uint32_t params = 0;  // bytes of variables so far
    std::uint32_t pieces = 0;  // records they came in
    std::uint32_t first = 0;   // begin of the first of these records
    std::uint16_t id = 0;      // of the request that has begun; 0: none
    bool keep_connection = false;
};

// `buffer` begins where the request, or a record between requests, begins.
[[nodiscard]] Decoded decode_fastcgi(std::string_view buffer, FastCgiScan& scan, const Limits& limits,
                                     const Facts& facts, Head& head, TextBuffer& replies);

// The body of a request where it came with its head in one piece.
struct WholeStdin {
    std::uint32_t begin = 0;  // of the content
    std::uint32_t size = 0;
    std::uint32_t end = 0;  // behind the empty record
};
[[nodiscard]] std::optional<WholeStdin> find_whole_stdin(std::string_view buffer, std::uint16_t id) noexcept;

// The same over any split of the input.
class StdinDecoder {
public:
    struct Step {
        std::size_t consumed = 0;
        std::string_view data;  // a piece of the body, inside what was consumed
    };

    StdinDecoder(std::uint16_t id, std::uint32_t connections) noexcept : id_(id), connections_(connections) {}

    // Consumes up to and including one piece of data. Call again with the rest until the end or no input.
    [[nodiscard]] Step next(std::string_view input, TextBuffer& replies);

    [[nodiscard]] bool is_done() const noexcept { return state_ == State::done; }
    [[nodiscard]] bool is_aborted() const noexcept { return state_ == State::aborted; }
    [[nodiscard]] bool is_bad() const noexcept { return state_ == State::bad; }
    [[nodiscard]] bool has_ended() const noexcept { return state_ != State::records; }

private:
    enum class State : std::uint8_t { records, done, aborted, bad };

    void begin_record() noexcept;
    void end_record(TextBuffer& replies);

    std::array<char, fastcgi::header_size> header_{};
    std::array<char, 256> aside_{};  // the begin of a record that is no STDIN: what it asks
    std::uint32_t header_have_ = 0, content_ = 0, left_ = 0, padding_ = 0;
    std::uint16_t id_;
    std::uint32_t connections_;
    bool is_data_ = false;
    State state_ = State::records;
};

}  // namespace vassal::protocol
