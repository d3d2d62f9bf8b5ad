// SPDX-License-Identifier: Apache-2.0
// The decoder takes whatever a tenant writes: it never throws, and its time is bounded.
#include <chrono>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/unit/common/config/fixtures.h"

using namespace common::config;

namespace {

// Ten times what a busy machine needs; the point is that nothing here takes minutes.
constexpr auto bound = std::chrono::seconds(20);

Decoded decoded(const std::string& text) {
    const auto begin = std::chrono::steady_clock::now();
    Decoded result = decode({"/x.yaml", text}, std::nullopt, fixtures::options("x"));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, bound);
    EXPECT_EQ(result.effective.has_value(), !has_errors(result.diagnostics));
    EXPECT_LE(result.diagnostics.size(), 101u);
    for (const Diagnostic& diagnostic : result.diagnostics)
        EXPECT_NO_THROW((void)nlohmann::json(render(diagnostic)).dump());
    return result;
}

std::string repeated(std::string_view part, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += part;
    return text;
}

TEST(Robustness, hostile_texts_are_refused_in_bounded_time) {
    for (const std::string& text : {repeated("[", 1 << 19),
                                    repeated("{", 1 << 19),
                                    repeated("- ", 1 << 18),
                                    repeated("? ", 1 << 18),
                                    repeated("a: ", 1 << 17),
                                    repeated("&a ", 1 << 17),
                                    repeated("!a ", 1 << 17),
                                    repeated("*a ", 1 << 17),
                                    repeated("[a: ", 1 << 17),
                                    "app: " + repeated("x ", 1 << 18),
                                    "app: \"" + repeated("\\n", 1 << 18),
                                    "app: '" + repeated("''", 1 << 18),
                                    "app: |\n" + repeated(" x\n", 1 << 17),
                                    repeated("a: b\n", 1 << 17),
                                    repeated("---\n", 1 << 17),
                                    repeated("%A\n", 1 << 17),
                                    repeated("#", 1 << 19),
                                    repeated(" ", 1 << 19),
                                    repeated("\n", 1 << 19),
                                    repeated("\r", 1 << 19),
                                    repeated("\t", 1 << 19),
                                    repeated("]", 1 << 19),
                                    repeated(",", 1 << 19),
                                    repeated(":", 1 << 19),
                                    repeated("${", 1 << 18)})
        EXPECT_FALSE(decoded(text).effective) << text.substr(0, 20);
}

TEST(Robustness, many_unknown_keys_are_refused_in_bounded_time) {
    std::string text;
    for (int i = 0; i < 4000; ++i) text += "some_unknown_key_" + std::to_string(i) + ": 1\n";
    EXPECT_FALSE(decoded(text).effective);
}

TEST(Robustness, expansion_does_not_multiply) {
    std::string nested = "x";
    for (int i = 0; i < 20; ++i) nested = "${U:-" + nested + nested + "}";
    EXPECT_FALSE(decoded("app: x\nenv:\n  A: \"" + nested.substr(0, 500'000) + "\"\n").effective);
}

TEST(Robustness, an_unknown_escape_is_answered_in_text_that_can_be_shown_anywhere) {
    // The parser quotes one byte: half of a character, a control byte, or its own end-of-file mark.
    for (const std::string& text :
         {std::string("app: \"\\\xC3\xA9\"\n"), std::string("app: \"\\q\"\n"), std::string("app: \"\\")}) {
        const Decoded result = decoded(text);
        ASSERT_EQ(result.diagnostics.size(), 1u) << text;
        const std::string& message = result.diagnostics.front().message;
        EXPECT_NE(message.find("backslash"), std::string::npos) << message;
        for (const char c : message) EXPECT_TRUE(c >= 0x20 && c < 0x7F) << message;
    }
}

TEST(Robustness, an_unknown_group_of_a_setting_is_shown_without_its_control_bytes) {
    const Decoded result = decode_settings({"qq\x1b[31mzz.vvvv=1"}, fixtures::options("x"));
    ASSERT_FALSE(result.diagnostics.empty());
    EXPECT_EQ(render(result.diagnostics).find('\x1b'), std::string::npos);
}

TEST(Robustness, every_fixture_truncated_at_every_byte_is_answered) {
    for (const std::string folder : {"valid", "invalid"})
        for (const std::string& name : fixtures::names(folder)) {
            const std::string text = fixtures::content(fixtures::root / folder / (name + ".yaml"));
            if (text.size() > 1500) continue;
            for (std::size_t length = 0; length <= text.size(); ++length) (void)decoded(text.substr(0, length));
        }
}

TEST(Robustness, mutated_fixtures_are_answered) {
    std::vector<std::string> corpus;
    for (const std::string folder : {"valid", "invalid"})
        for (const std::string& name : fixtures::names(folder))
            if (std::string text = fixtures::content(fixtures::root / folder / (name + ".yaml")); text.size() < 1500)
                corpus.push_back(std::move(text));
    std::mt19937 random(20260101);
    const auto below = [&](std::size_t limit) { return random() % std::max<std::size_t>(limit, 1); };
    static constexpr std::string_view alphabet = "[]{},:&*!|>'\"%@`#?-\n\t $~=\\0aA.9/\xC3\xA9\xFF";
    for (int round = 0; round < 8000; ++round) {
        std::string text = corpus[below(corpus.size())];
        for (std::size_t i = 1 + below(6); i > 0; --i) {
            const std::size_t at = below(text.size());
            switch (below(4)) {
                case 0: text.insert(at, 1, alphabet[below(alphabet.size())]); break;
                case 1: text.erase(at, below(4)); break;
                case 2:
                    if (!text.empty()) text[at] = alphabet[below(alphabet.size())];
                    break;
                default: text.insert(at, corpus[below(corpus.size())].substr(0, below(40))); break;
            }
        }
        SCOPED_TRACE(testing::PrintToString(text));
        ASSERT_NO_THROW((void)decoded(text));
    }
}

}  // namespace
