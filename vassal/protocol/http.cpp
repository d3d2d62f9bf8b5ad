// SPDX-License-Identifier: Apache-2.0
// Hot path.
#include "vassal/protocol/http.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>

#include "vassal/protocol/environ.h"
#include "vassal/protocol/http_policy.h"
#include "vassal/protocol/http_target.h"

namespace vassal::protocol {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

std::string_view view(boost::beast::string_view text) noexcept { return {text.data(), text.size()}; }

// "Accept-Language" → "HTTP_ACCEPT_LANGUAGE" in the arena. Empty: the name has '_', and X_A would pass for X-A (as
// nginx does by default, such fields are dropped); or the arena is full.
std::string_view cgi_name(std::string_view name, ParamSet& params) noexcept {
    constexpr std::string_view prefix = "HTTP_";
    char* const begin = params.allocate(prefix.size() + name.size());
    if (begin == nullptr) return {};
    char* out = std::copy(prefix.begin(), prefix.end(), begin);
    for (const char c : name) {
        if (c == '_') return {};
        if (c == '-') {
            *out++ = '_';
        } else {
            *out++ = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
        }
    }
    return {begin, prefix.size() + name.size()};
}

// Fed once with a whole head, so that all views stay valid. Beast's callbacks only collect.
class HeadParser final : public http::basic_parser<true> {
public:
    explicit HeadParser(Head& head) : head_(head) {
        header_limit(std::numeric_limits<std::uint32_t>::max());  // scan_http has judged the size
        body_limit(boost::none);
    }

    std::string_view method, target;
    int version = 0;
    Framing framing;

private:
    void on_request_impl(http::verb, boost::beast::string_view name, boost::beast::string_view text, int number,
                         error_code&) override {
        method = view(name);
        target = view(text);
        version = number;
    }

    void on_field_impl(http::field, boost::beast::string_view name_text, boost::beast::string_view value_text,
                       error_code&) override {
        const std::string_view name = view(name_text);
        const std::string_view value = view(value_text);
        framing.note(name, value);
        if (equals_without_case(name, "content-type")) {
            head_.params.add("CONTENT_TYPE", value, Known::content_type);
            return;
        }
        const std::string_view key = cgi_name(name, head_.params);
        const Known known = key.empty() ? Known::dropped : classify(key);
        // Framing is the server's business; CONTENT_LENGTH is written anew from what was understood.
        if (known != Known::dropped && known != Known::http_transfer_encoding) head_.params.add(key, value, known);
    }

    void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(boost::beast::string_view body, error_code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, error_code&) override {
        return body.size();
    }
    void on_finish_impl(error_code&) override {}

    Head& head_;
};

// A well-formed request line of another major version is 505, any other fault in it 400.
int check_version(std::string_view line) noexcept {
    const std::size_t space = line.rfind(' ');
    const std::string_view version = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') return 400;
    if (!is_digit(version[5]) || !is_digit(version[7])) return 400;
    if (version[5] != '1') return 505;
    return version[7] == '0' || version[7] == '1' ? 0 : 505;
}

void add_server_facts(ParamSet& params, const Facts& facts) {
    params.add("SERVER_NAME", facts.server_name, Known::server_name);
    params.add("SERVER_PORT", facts.server_port, Known::server_port);
    params.add("REMOTE_ADDR", facts.remote_addr, Known::remote_addr);
    if (!facts.remote_port.empty()) params.add("REMOTE_PORT", facts.remote_port, Known::remote_port);
    if (facts.is_https) params.add("HTTPS", "on", Known::https);
}

int fill(HeadParser& parser, const Limits& limits, const Facts& facts, Head& head) {
    ParamSet& params = head.params;
    if (const int status = judge(parser.framing, parser.version == 11, limits, head); status != 0) return status;
    Target target;
    if (const int status = read_target(parser.method, parser.target, params, target); status != 0) return status;
    params.add("REQUEST_METHOD", parser.method, Known::request_method);
    params.add("REQUEST_URI", parser.target, Known::request_uri);
    params.add("PATH_INFO", target.path, Known::path_info);
    params.add("QUERY_STRING", target.query, Known::query_string);
    params.add("SERVER_PROTOCOL", head.is_http11 ? "HTTP/1.1" : "HTTP/1.0", Known::server_protocol);
    if (!target.authority.empty()) params.replace("HTTP_HOST", target.authority, Known::http_host);
    if (parser.framing.content_lengths == 1) {
        // Written anew: what is left of "003" without its zeros.
        const std::string_view text = parser.framing.content_length;
        params.add("CONTENT_LENGTH", text.substr(std::min(text.find_first_not_of('0'), text.size() - 1)),
                   Known::content_length);
    }
    add_server_facts(params, facts);
    return complete_environ(head, facts);
}

}  // namespace

Decoded decode_http(std::string_view buffer, HttpScan& scan, const Limits& limits, const Facts& facts, Head& head) {
    const Decoded scanned = scan_http(buffer, scan, limits);
    if (scanned.outcome != Outcome::complete) return scanned;
    const std::string_view text = buffer.substr(scan.begin, scanned.consumed - scan.begin);
    if (const int status = check_version(text.substr(0, text.find('\r'))); status != 0) return bad(status);

    head.clear();
    HeadParser parser(head);
    error_code error;
    parser.put(boost::asio::const_buffer(text.data(), text.size()), error);
    if (parser.method.empty() || !parser.is_header_done()) {
        // Beast refuses some Transfer-Encoding and Content-Length fields itself; the others are judged below.
        return bad(400);
    }
    if (const int status = fill(parser, limits, facts, head); status != 0) return bad(status);
    return scanned;
}

}  // namespace vassal::protocol
