// SPDX-License-Identifier: Apache-2.0
// Chunked bodies: every way to cut the input gives the same body, each call gets on, and a body survives being chunked.
#include "vassal/protocol/chunked.h"

#include <cstdio>
#include <string>

#include "tests/fuzz/target.h"

using vassal::protocol::ChunkedDecoder;

namespace {

struct Reading {
    ChunkedDecoder chunks;
    std::string body;
    std::size_t consumed = 0;

    void read(std::string_view input) {
        while (!input.empty() && !chunks.is_done() && !chunks.is_bad()) {
            const auto step = chunks.next(input);
            fuzz::require(step.consumed > 0 && step.consumed <= input.size(), "each call gets on");
            fuzz::require(step.data.empty() || fuzz::is_inside(step.data, input.substr(0, step.consumed)),
                          "data is a part of what was consumed");
            body += step.data;
            consumed += step.consumed;
            input.remove_prefix(step.consumed);
        }
    }
    [[nodiscard]] bool equals(const Reading& other) const {
        return body == other.body && consumed == other.consumed && chunks.is_done() == other.chunks.is_done() &&
               chunks.is_bad() == other.chunks.is_bad();
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    Reading whole, halves, bytes;
    whole.read(text);
    const std::size_t cut = fuzz::cut_of(text);
    halves.read(fuzz::Copy(text.substr(0, cut)).view());
    halves.read(fuzz::Copy(text.substr(cut)).view());
    for (std::size_t i = 0; i < size; ++i) bytes.read(text.substr(i, 1));
    fuzz::require(whole.equals(halves) && whole.equals(bytes), "a cut changes nothing");

    char line[32];
    std::string chunked;
    for (const std::string_view part : {text.substr(0, cut), text.substr(cut)}) {
        if (part.empty()) continue;
        std::snprintf(line, sizeof line, "%zx\r\n", part.size());
        chunked.append(line).append(part).append("\r\n");
    }
    Reading again;
    again.read(chunked + "0\r\n\r\n");
    fuzz::require(again.chunks.is_done() && again.body == text, "a body survives being chunked");
    return 0;
}
