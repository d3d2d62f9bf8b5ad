// SPDX-License-Identifier: Apache-2.0
// FastCGI as a connection carries it: heads, what comes beside them, bodies in records, one request after the other.
// How the bytes arrive changes nothing; each step gets on; and what is asked beside requests is answered within bounds.
#include "vassal/protocol/fastcgi.h"

#include <optional>
#include <set>
#include <string>

#include "tests/fuzz/target.h"

using namespace vassal::protocol;

namespace {

const Limits limits{.header_size = 2048, .headers = 32, .body = 1 << 20, .connections = 7};
const Facts facts{.server_name = "localhost", .server_port = "8000", .mount = {}, .remote_addr = {}, .remote_port = {}};

// A connection that is served until something ends it. `log` says what happened, to compare two of them.
class Conversation {
public:
    explicit Conversation(Head& head) : head_(head) {}

    // All bytes so far, as an input buffer holds them.
    void read(std::string_view bytes) {
        while (!has_ended_) {
            const bool gets_on = stream_ ? read_body(bytes) : read_head(bytes);
            if (!gets_on) return;
        }
    }
    [[nodiscard]] const std::string& log() const { return log_; }
    [[nodiscard]] std::string_view replies() const { return replies_.view(); }
    [[nodiscard]] std::size_t used() const { return used_; }

private:
    // False: nothing more happens before more bytes come.
    bool read_head(std::string_view bytes) {
        const std::string_view rest = bytes.substr(used_);
        const Decoded decoded = decode_fastcgi(rest, scan_, limits, facts, head_, replies_);
        switch (decoded.outcome) {
            case Outcome::need_more:
                fuzz::require(rest.empty() || decoded.wanted > rest.size(), "what is wanted is more");
                return false;
            case Outcome::bad:
                fuzz::require(decoded.status >= 400 && decoded.status <= 599, "a refusal has a status");
                return end("refused " + std::to_string(decoded.status));
            case Outcome::farewell: return end("farewell");
            case Outcome::skip: take(decoded, rest, "skip"); return scan_ = {}, true;
            case Outcome::complete: break;
            case Outcome::ping: fuzz::require(false, "there is no ping");
        }
        take(decoded, rest, "request");
        note_head();
        stream_.emplace(scan_.id, limits.connections);
        check_whole_stdin(bytes.substr(used_));
        return true;
    }
    void take(const Decoded& decoded, std::string_view rest, std::string_view what) {
        fuzz::require(decoded.consumed > 0 && decoded.consumed <= rest.size(), "each step gets on");
        used_ += decoded.consumed;
        log_.append(what).append("\n");
    }
    bool end(const std::string& why) {
        log_ += why;
        has_ended_ = true;
        return false;
    }
    void note_head() {
        fuzz::require(!head_.method.empty(), "a request has a method");
        fuzz::require(scan_.id != 0 && head_.content_length <= limits.body, "a request is within its limits");
        std::set<std::string> keys;
        for (const auto& [key, value] : head_.params.all()) {
            fuzz::require(keys.emplace(key).second, "each variable is there once");
            log_.append(key).append("=").append(value).append("\n");
        }
        for (const char* key :
             {"REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "SCRIPT_NAME", "SERVER_NAME"})
            fuzz::require(keys.contains(key), "the variables of PEP 3333 are there");
    }
    // The short cut finds what the stream gives.
    void check_whole_stdin(std::string_view rest) const {
        const auto whole = find_whole_stdin(rest, scan_.id);
        if (!whole) return;
        StdinDecoder stream = *stream_;
        TextBuffer aside;
        std::string body;
        std::size_t used = 0;
        while (used < whole->end && !stream.has_ended()) {
            const auto step = stream.next(rest.substr(used, whole->end - used), aside);
            used += step.consumed;
            body += step.data;
        }
        fuzz::require(stream.is_done() && used == whole->end && body == rest.substr(whole->begin, whole->size) &&
                          aside.size() == 0,
                      "a body in one piece is the same body");
    }
    bool read_body(std::string_view bytes) {
        const std::string_view rest = bytes.substr(used_);
        if (rest.empty()) return false;
        const auto step = stream_->next(rest, replies_);
        fuzz::require(step.consumed > 0 && step.consumed <= rest.size(), "each step gets on");
        fuzz::require(step.data.empty() || fuzz::is_inside(step.data, rest.substr(0, step.consumed)),
                      "data is a part of what was consumed");
        used_ += step.consumed;
        log_ += step.data;
        if (!stream_->has_ended()) return true;
        log_ += stream_->is_done() ? "\ndone\n" : stream_->is_aborted() ? "\naborted\n" : "\nbad\n";
        if (stream_->is_bad() || !head_.keep_alive) return end("closed");
        stream_.reset();
        scan_ = {};
        return true;
    }

    Head& head_;
    FastCgiScan scan_;
    TextBuffer replies_;
    std::optional<StdinDecoder> stream_;
    std::string log_;
    std::size_t used_ = 0;
    bool has_ended_ = false;
};

// Whole records, of the types that a responder sends beside its answers.
void check_replies(std::string_view bytes, std::size_t asked) {
    // 16 bytes for a record of 8; three values for one name.
    fuzz::require(bytes.size() <= 3 * asked + 72, "an answer is not much larger than what asked for it");
    while (!bytes.empty()) {
        fuzz::require(bytes.size() >= 8 && bytes[0] == 1, "replies are records");
        const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
        fuzz::require(at(1) == 3 || at(1) == 10 || at(1) == 11, "replies are of known types");
        const std::size_t size = 8 + (at(4) << 8) + at(5) + at(6);
        fuzz::require(bytes.size() >= size, "replies are whole");
        bytes.remove_prefix(size);
    }
}

void check_framed(std::string_view text) {
    TextBuffer framed;
    fastcgi::append_answer(258, text, framed);
    std::string back;
    std::string_view rest = framed.view();
    while (rest.size() > fastcgi::end_size) {
        const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(rest[i])); };
        fuzz::require(at(0) == 1 && at(1) == 6 && at(2) == 1 && at(3) == 2, "an answer is in records of its request");
        const std::size_t size = at(4) << 8 | at(5);
        back += rest.substr(8, size);
        rest.remove_prefix(8 + size + at(6));
    }
    fuzz::require(rest.size() == fastcgi::end_size && back == text, "an answer survives its records");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    static Head head;  // used again and again, as a thread's is
    Conversation whole(head), halves(head);
    whole.read(text);
    fuzz::require(whole.used() <= size, "what was used is a part of the input");
    check_replies(whole.replies(), size);
    halves.read(fuzz::Copy(text.substr(0, fuzz::cut_of(text))).view());
    halves.read(text);
    fuzz::require(whole.log() == halves.log() && whole.used() == halves.used(), "a cut changes nothing");
    fuzz::require(whole.replies() == halves.replies(), "a cut changes no reply");
    check_framed(text);
    return 0;
}
