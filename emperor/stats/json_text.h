// SPDX-License-Identifier: Apache-2.0
// JSON written straight into a string: the fleet document of 1000 vassals is some megabytes, and a tree of nodes for it
// costs several times the text. Values as they come, in order; commas are its business, balance is the caller's. Text
// is untrusted (an app's log, a request line): control characters are escaped and invalid UTF-8 is replaced.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace emperor::stats {

class JsonText {
public:
    // `expected`: about how long the text will be.
    explicit JsonText(std::size_t expected = 0) { text_.reserve(expected); }

    // A name of the program's own, with nothing in it to escape.
    JsonText& key(std::string_view name) {
        separate();
        text_ += '"';
        text_ += name;
        text_ += "\":";
        is_first_ = true;
        return *this;
    }
    template <std::integral T>
    requires(!std::same_as<T, bool>) void value(T number) {
        std::array<char, 24> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        word(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
    }
    // Finite; three digits after the point: figures for people, never in uWSGI's fields.
    void value(double number);
    void value(bool is_true) { word(is_true ? "true" : "false"); }
    void value(std::string_view text) {
        separate();
        append_text(text);
    }
    void value(const std::string& text) { value(std::string_view(text)); }
    void value(const char* text) { value(std::string_view(text)); }
    void null() { word("null"); }
    template <class T>
    void value(const std::optional<T>& maybe) {
        maybe ? value(*maybe) : null();
    }
    template <class T>
    void field(std::string_view name, T&& what) {
        key(name).value(std::forward<T>(what));
    }
    // A field whose changes are none: left out of steady_hash().
    template <class T>
    void unsteady_field(std::string_view name, T&& what) {
        const std::size_t begin = text_.size();
        field(name, std::forward<T>(what));
        unsteady_.push_back({begin, text_.size()});
    }
    // Values that are text already, with their commas; nothing when empty.
    void parts(std::string_view written) {
        if (written.empty()) return;
        separate();
        text_ += written;
    }

    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }

    [[nodiscard]] std::size_t steady_hash() const {
        std::size_t hash = 0, from = 0;
        const auto mix = [&](std::size_t to) {
            hash = hash * 31 + std::hash<std::string_view>{}(std::string_view(text_).substr(from, to - from));
        };
        for (const auto& [begin, end] : unsteady_) {
            mix(begin);
            from = end;
        }
        mix(text_.size());
        return hash;
    }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    void separate() {
        if (!is_first_) text_ += ',';
        is_first_ = false;
    }
    void word(std::string_view literal) {
        separate();
        text_ += literal;
    }
    void open(char bracket) {
        separate();
        text_ += bracket;
        is_first_ = true;
    }
    void close(char bracket) {
        text_ += bracket;
        is_first_ = false;
    }
    void append_text(std::string_view text);

    std::string text_;
    bool is_first_ = true;
    std::vector<std::pair<std::size_t, std::size_t>> unsteady_;
};

}  // namespace emperor::stats
