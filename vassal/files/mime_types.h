// SPDX-License-Identifier: Apache-2.0
// Content types by file name ending: of the system's tables, and of a small one of our own for machines without them.
// Read once per generation; looking up makes no heap.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vassal::files {

class MimeTypes {
public:
    // /etc/mime.types, then shared-mime-info's globs, then our own: the first that knows an ending decides.
    [[nodiscard]] static MimeTypes of_system();

    // "text/css  css" per line.
    void add_table(std::string text);
    // "50:text/css:*.css" per line.
    void add_globs(std::string text);
    // Once after all add…().
    void sort();

    // By the ending of a path; application/octet-stream where nobody knows it. Texts are UTF-8.
    [[nodiscard]] std::string_view of(std::string_view path) const noexcept;

private:
    struct Entry {
        std::string_view ending, type;  // into texts_
    };
    void add(std::string_view ending, std::string_view type);
    [[nodiscard]] std::string_view keep(std::string text);

    std::vector<std::unique_ptr<const std::string>> texts_;
    std::vector<Entry> entries_;
};

}  // namespace vassal::files
