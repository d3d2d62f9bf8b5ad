// SPDX-License-Identifier: Apache-2.0
#include "vassal/files/site.h"

#include <algorithm>
#include <ctime>

#include "vassal/files/conditions.h"
#include "vassal/protocol/response_head.h"
#include "vassal/protocol/text_buffer.h"

namespace vassal::files {
namespace {

std::string_view value(const app::Request& request, std::string_view key) noexcept {
    const auto found = std::ranges::find(request.params, key, &app::Param::key);
    return found == request.params.end() ? std::string_view() : found->value;
}

Conditions conditions_of(const app::Request& request) noexcept {
    return {.if_match = value(request, "HTTP_IF_MATCH"),
            .if_unmodified_since = value(request, "HTTP_IF_UNMODIFIED_SINCE"),
            .if_none_match = value(request, "HTTP_IF_NONE_MATCH"),
            .if_modified_since = value(request, "HTTP_IF_MODIFIED_SINCE"),
            .range = value(request, "HTTP_RANGE"),
            .if_range = value(request, "HTTP_IF_RANGE")};
}

// "inode-size-time": another file, another length or another moment is another tag.
void write_etag(const OpenedFile& file, protocol::TextBuffer& out) {
    out.append("\"");
    out.append_number(file.inode, 16);
    out.append("-");
    out.append_number(file.size, 16);
    out.append("-");
    out.append_number(static_cast<std::uint64_t>(file.modified_ns), 16);
    out.append("\"");
}

std::string_view status_line(int status) noexcept {
    switch (status) {
        case 200: return "200 OK";
        case 206: return "206 Partial Content";
        case 301: return "301 Moved Permanently";
        case 304: return "304 Not Modified";
        case 403: return "403 Forbidden";
        case 404: return "404 Not Found";
        case 405: return "405 Method Not Allowed";
        case 412: return "412 Precondition Failed";
        case 416: return "416 Range Not Satisfiable";
        case 503: return "503 Service Unavailable";
        default: return "500 Internal Server Error";
    }
}

// A page of one line, for what is no file. Fields of the answer were added after start().
void finish_page(app::Response& response, int status) {
    const std::string_view chunks[] = {status_line(status), "\n"};
    response.header("Content-Type", "text/plain; charset=utf-8");
    response.finish(chunks);
}

void refuse(app::Response& response, int status) {
    response.start(status_line(status));
    if (status == 405) response.header("Allow", "GET, HEAD");
    finish_page(response, status);
}

// As it may stand in a Location: nothing in it ends the field, or looks like a host ("//name").
std::string escaped(std::string_view text, std::string_view safe) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (is_word || safe.find(c) != std::string_view::npos) {
            out += c;
        } else {
            out += {'%', digits[byte >> 4U], digits[byte & 15U]};
        }
    }
    return out;
}

void redirect(std::string_view url, const app::Request& request, app::Response& response) {
    while (url.starts_with("//")) url.remove_prefix(1);
    std::string location = escaped(url, "/-._~!$&'()*+,;=:@") + "/";
    if (const std::string_view query = value(request, "QUERY_STRING"); !query.empty()) {
        location += "?" + escaped(query, "/-._~!$&'()*+,;=:@?%");
    }
    response.start(status_line(301));
    response.header("Location", location);
    finish_page(response, 301);
}

}  // namespace

common::Result<Site> Site::open(const std::map<std::string, std::string>& directories) {
    Site site;
    if (directories.empty()) return site;
    for (const auto& [prefix, path] : directories) {
        auto directory = Directory::open(path);
        if (!directory) {
            common::Error error = directory.error();
            error.context = "static: " + prefix + ": " + error.context;
            return error;
        }
        const std::size_t size = prefix.find_last_not_of('/') + 1;  // npos + 1 is 0
        site.roots_.push_back({prefix.substr(0, size), std::move(*directory)});
    }
    std::ranges::stable_sort(site.roots_, std::greater<>(), [](const Root& root) { return root.prefix.size(); });
    site.types_ = MimeTypes::of_system();
    return site;
}

std::vector<int> Site::descriptors() const {
    std::vector<int> fds;
    for (const Root& root : roots_) fds.push_back(root.directory.fd());
    return fds;
}

std::optional<Site::Place> Site::find(std::string_view url) const noexcept {
    for (const Root& root : roots_) {
        if (!url.starts_with(root.prefix)) continue;
        std::string_view rest = url.substr(root.prefix.size());
        if (!rest.empty() && !rest.starts_with('/')) continue;
        while (rest.starts_with('/')) rest.remove_prefix(1);
        return Place{&root.directory, url, rest};
    }
    return std::nullopt;
}

void Site::serve(const Place& place, const app::Request& request, app::Response& response) const {
    const bool is_head = request.method == "HEAD";
    if (!is_head && request.method != "GET") return refuse(response, 405);
    // "/static" itself is a directory without its slash.
    if (place.rest.empty() && !place.url.ends_with('/')) return redirect(place.url, request, response);
    const OpenedFile file = place.directory->find(place.rest);
    if (file.status == 301) return redirect(place.url, request, response);
    if (file.status != 200) return refuse(response, file.status);
    send(file, place, request, response);
}

void Site::send(const OpenedFile& file, const Place& place, const app::Request& request,
                app::Response& response) const {
    protocol::TextBuffer etag;
    write_etag(file, etag);
    // A time that has not come yet is none that a client may compare with (RFC 9110 8.8.2.1).
    const std::int64_t modified = std::min<std::int64_t>(file.modified_ns / 1'000'000'000, ::time(nullptr));
    const Verdict verdict =
        judge({.etag = etag.view(), .modified = modified, .size = file.size}, conditions_of(request), request.method == "HEAD");
    protocol::HttpDate date;
    response.start(status_line(verdict.status));
    if (verdict.status == 412) return finish_page(response, verdict.status);
    if (verdict.status == 416) {
        response.header("Content-Range", "bytes */" + std::to_string(file.size));
        return finish_page(response, verdict.status);
    }
    response.header("ETag", etag.view());
    response.header("Last-Modified", date.at(modified));
    if (verdict.status == 304) return response.finish({});
    response.header("Content-Type", types_.of(place.rest.empty() || place.rest.ends_with('/') ? ".html" : place.rest));
    response.header("Accept-Ranges", "bytes");
    if (verdict.status == 206) {
        const std::string last = std::to_string(verdict.offset + verdict.count - 1);
        response.header("Content-Range", "bytes " + std::to_string(verdict.offset) + "-" + last + "/" +
                                             std::to_string(file.size));
    }
    response.finish_file(file.fd.get(), verdict.offset, verdict.count);
}

}  // namespace vassal::files
