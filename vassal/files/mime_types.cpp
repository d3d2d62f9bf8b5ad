// SPDX-License-Identifier: Apache-2.0
#include "vassal/files/mime_types.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

namespace vassal::files {
namespace {

constexpr std::size_t longest_ending = 16;
constexpr std::string_view unknown = "application/octet-stream";
constexpr std::string_view utf8 = "; charset=utf-8";
constexpr std::string_view built_in =
    "text/html html htm\ntext/css css\ntext/javascript js mjs\ntext/plain txt text log\ntext/csv csv\n"
    "text/markdown md\napplication/json json map\napplication/manifest+json webmanifest\napplication/xml xml\n"
    "application/pdf pdf\napplication/wasm wasm\napplication/zip zip\napplication/gzip gz tgz\n"
    "image/png png\nimage/jpeg jpg jpeg\nimage/gif gif\nimage/webp webp\nimage/avif avif\nimage/svg+xml svg\n"
    "image/vnd.microsoft.icon ico\nfont/woff woff\nfont/woff2 woff2\nfont/ttf ttf\nfont/otf otf\n"
    "audio/mpeg mp3\naudio/ogg ogg oga\nvideo/mp4 mp4\nvideo/webm webm\n";

std::string content_of(const char* path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Calls `use` with each line that is neither empty nor a comment.
template <class F>
void each_line(std::string_view text, F&& use) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (!line.empty() && line.front() != '#') use(line);
    }
}

std::string_view next_word(std::string_view& line) noexcept {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) {
        line = {};
        return {};
    }
    const std::size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    line.remove_prefix(end);
    return word;
}

}  // namespace

MimeTypes MimeTypes::of_system() {
    MimeTypes types;
    types.add_table(content_of("/etc/mime.types"));
    types.add_globs(content_of("/usr/share/mime/globs2"));
    types.add_table(std::string(built_in));
    types.sort();
    return types;
}

std::string_view MimeTypes::keep(std::string text) {
    texts_.push_back(std::make_unique<const std::string>(std::move(text)));
    return *texts_.back();
}

void MimeTypes::add(std::string_view ending, std::string_view type) {
    if (ending.empty() || ending.size() > longest_ending || type.find('/') == std::string_view::npos) return;
    entries_.push_back({ending, type});
}

void MimeTypes::add_table(std::string text) {
    each_line(keep(std::move(text)), [this](std::string_view line) {
        const std::string_view type = next_word(line);
        while (!line.empty()) add(next_word(line), type);
    });
}

void MimeTypes::add_globs(std::string text) {
    each_line(keep(std::move(text)), [this](std::string_view line) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) return;
        const std::string_view glob = line.substr(second + 1, line.find(':', second + 1) - second - 1);
        const std::string_view ending = glob.starts_with("*.") ? glob.substr(2) : std::string_view();
        if (ending.find_first_of("*?[.") == std::string_view::npos) {
            add(ending, line.substr(first + 1, second - first - 1));
        }
    });
}

// Text types get their charset here, so that looking up only finds.
void MimeTypes::sort() {
    const auto by_ending = [](const Entry& one, const Entry& other) { return one.ending < other.ending; };
    const auto is_same = [](const Entry& one, const Entry& other) { return one.ending == other.ending; };
    std::ranges::stable_sort(entries_, by_ending);
    entries_.erase(std::unique(entries_.begin(), entries_.end(), is_same), entries_.end());
    std::string texts;
    std::vector<std::size_t> begins;
    for (const Entry& entry : entries_) {
        begins.push_back(texts.size());
        if (entry.type.starts_with("text/")) texts.append(entry.type).append(utf8);
    }
    const std::string_view kept = keep(std::move(texts));
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (!entries_[i].type.starts_with("text/")) continue;
        entries_[i].type = kept.substr(begins[i], entries_[i].type.size() + utf8.size());
    }
    entries_.shrink_to_fit();
}

std::string_view MimeTypes::of(std::string_view path) const noexcept {
    const std::size_t dot = path.rfind('.');
    if (dot == std::string_view::npos || path.size() - dot - 1 > longest_ending) return unknown;
    std::array<char, longest_ending> lower{};
    std::size_t size = 0;
    for (const char c : path.substr(dot + 1)) {
        lower[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    const std::string_view ending(lower.data(), size);
    const auto found = std::ranges::lower_bound(entries_, ending, {}, &Entry::ending);
    return found != entries_.end() && found->ending == ending ? found->type : unknown;
}

}  // namespace vassal::files
