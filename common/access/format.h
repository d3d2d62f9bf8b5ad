// SPDX-License-Identifier: Apache-2.0
// What a line of the access log holds: `log.access` and `log.access_format`, compiled. Pure. The worker and its master
// compile the same text, so that both know which values a record carries, and in which order.
//
//     text: '{remote_addr} "{method} {uri}" {status}'   fields in braces, all else as it stands; {{ and }} are braces
//     json: '{time} {status} {header.X-Trace}'          the object's keys; nothing but blanks and commas between
//
// Not given: the "combined" line with duration and request id; an object with all that most people ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace common::access {

enum class Style : std::uint8_t { text, json };

enum class Field : std::uint8_t {
    literal,
    // of the master
    worker,
    thread,
    vassal,
    generation,
    // numbers of the record
    time,
    time_common,
    status,
    bytes,
    duration_ms,
    duration_us,
    pid,
    // copied from the request
    remote_addr,
    user,
    method,
    uri,
    path,
    query,
    protocol,
    scheme,
    host,
    request_id,
    referer,
    user_agent,
    header,
    // from the app: one by name, or all
    field,
    fields,
};

// A value that the worker copies for the record, in this order.
struct Copied {
    enum class Source : std::uint8_t { remote_addr, method, uri, protocol, scheme, host, request_id, variable };

    Source source = Source::variable;
    std::string variable;  // in CGI form: HTTP_USER_AGENT
    std::size_t most = 0;  // bytes; what is longer is cut

    friend bool operator==(const Copied&, const Copied&) = default;
};

struct Piece {
    Field field = Field::literal;
    std::string text;       // the literal; the name behind "header." or "field."
    std::string key;        // json: with quotes and colon, and the comma before it
    std::size_t value = 0;  // index in Format::copied
};

struct Format {
    Style style = Style::text;
    std::vector<Piece> pieces;
    std::vector<Copied> copied;
    bool wants_fields = false;  // what the app adds
};

inline constexpr std::size_t max_format_size = 1000;
inline constexpr std::size_t max_copied = 40;

// An empty text is the style's default. A failure says at which position (from 1), and what may have been meant.
[[nodiscard]] Result<Format> parse_format(Style style, std::string_view text);

// All fields that stand for themselves, in the order of the documentation ("header.NAME" and "field.NAME" besides).
[[nodiscard]] std::vector<std::string> field_names();

}  // namespace common::access
