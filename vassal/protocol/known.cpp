// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/known.h"

namespace vassal::protocol {
namespace {

Known classify_11(std::string_view key) noexcept {
    switch (key[0]) {
        case 'S':
            if (key == "SERVER_NAME") return Known::server_name;
            if (key == "SERVER_PORT") return Known::server_port;
            if (key == "SCRIPT_NAME") return Known::script_name;
            return Known::other;
        case 'R':
            if (key == "REQUEST_URI") return Known::request_uri;
            if (key == "REMOTE_ADDR") return Known::remote_addr;
            if (key == "REMOTE_PORT") return Known::remote_port;
            return Known::other;
        case 'H': return key == "HTTP_COOKIE" ? Known::http_cookie : Known::other;
        default: return Known::other;
    }
}

// UWSGI_FILE and its kind let the peer name code to load. Keys with a dot are the server's own ("wsgi.input").
Known classify_rest(std::string_view key) noexcept {
    if (key[0] == 'U' && key.starts_with("UWSGI_")) return Known::dropped;
    if (key[0] >= 'a' && (key.starts_with("wsgi.") || key.starts_with("emperor."))) return Known::dropped;
    return Known::other;
}

Known either(std::string_view key, std::string_view name, Known known) noexcept {
    return key == name ? known : classify_rest(key);
}

}  // namespace

Known classify(std::string_view key) noexcept {
    switch (key.size()) {
        case 0: return Known::other;
        case 5: return either(key, "HTTPS", Known::https);
        case 9:
            if (key == "PATH_INFO") return Known::path_info;
            return either(key, "HTTP_HOST", Known::http_host);
        case 10: return either(key, "HTTP_PROXY", Known::dropped);
        case 11:
            if (const Known known = classify_11(key); known != Known::other) return known;
            return classify_rest(key);
        case 12:
            if (key == "QUERY_STRING") return Known::query_string;
            if (key == "CONTENT_TYPE") return Known::content_type;
            return either(key, "UWSGI_SCHEME", Known::uwsgi_scheme);
        case 14:
            if (key == "REQUEST_METHOD") return Known::request_method;
            if (key == "CONTENT_LENGTH") return Known::content_length;
            return either(key, "REQUEST_SCHEME", Known::request_scheme);
        case 15: return either(key, "SERVER_PROTOCOL", Known::server_protocol);
        case 17:
            if (key == "HTTP_X_REQUEST_ID") return Known::http_x_request_id;
            return either(key, "HTTP_CONTENT_TYPE", Known::dropped);
        case 19: return either(key, "HTTP_CONTENT_LENGTH", Known::dropped);
        case 20:
            if (key == "HTTP_X_REQUEST_START") return Known::http_x_request_start;
            return either(key, "HTTP_X_FORWARDED_FOR", Known::http_x_forwarded_for);
        case 22:
            if (key == "HTTP_TRANSFER_ENCODING") return Known::http_transfer_encoding;
            return either(key, "HTTP_X_FORWARDED_PROTO", Known::http_x_forwarded_proto);
        default: return classify_rest(key);
    }
}

}  // namespace vassal::protocol
