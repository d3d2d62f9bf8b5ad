// SPDX-License-Identifier: Apache-2.0
// Every fixture: what is set in a valid one and where it came from, what is wrong with an invalid one, to the letter.
#include "tests/unit/common/config/fixtures.h"

#include <nlohmann/json.hpp>

#include "common/config/schema.h"

using namespace common::config;

namespace {

// "key = JSON  (origin)", one line per key that some file sets.
std::string set_values(const Effective& effective) {
    std::string text;
    for (const Key& key : keys()) {
        const auto origin = effective.origins.find(std::string(key.path));
        if (origin == effective.origins.end()) continue;
        std::string pointer(1, '/');
        pointer += key.path;
        std::replace(pointer.begin(), pointer.end(), '.', '/');
        const auto& value = effective.values->at(nlohmann::json::json_pointer(pointer));
        text += std::string(key.path) + " = " + value.dump() + "  (" + origin->second.text() + ")\n";
    }
    return text;
}

class ValidFixture : public testing::TestWithParam<fixtures::Named> {};

TEST_P(ValidFixture, is_decoded_to_the_values_beside_it) {
    const Decoded decoded = fixtures::decode("valid", GetParam().name);
    ASSERT_TRUE(decoded.effective) << render(decoded.diagnostics);
    EXPECT_TRUE(decoded.diagnostics.empty()) << render(decoded.diagnostics);
    fixtures::expect_golden(fixtures::root / "valid" / (GetParam().name + ".txt"), set_values(*decoded.effective));
}

TEST_P(ValidFixture, survives_the_way_through_json) {
    const Decoded decoded = fixtures::decode("valid", GetParam().name);
    ASSERT_TRUE(decoded.effective);
    const auto config = config_from_json(nlohmann::json::parse(decoded.effective->values->dump()));
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(*config, decoded.effective->config);
}

INSTANTIATE_TEST_SUITE_P(Config, ValidFixture, testing::ValuesIn(fixtures::parameters("valid")), fixtures::title);

class InvalidFixture : public testing::TestWithParam<fixtures::Named> {};

TEST_P(InvalidFixture, is_answered_with_the_text_beside_it) {
    const Decoded decoded = fixtures::decode("invalid", GetParam().name);
    EXPECT_FALSE(decoded.effective);
    EXPECT_TRUE(has_errors(decoded.diagnostics));
    fixtures::expect_golden(fixtures::root / "invalid" / (GetParam().name + ".txt"),
                            render(decoded.diagnostics) + "\n");
}

TEST_P(InvalidFixture, has_findings_inside_of_the_file_and_in_order) {
    const Decoded decoded = fixtures::decode("invalid", GetParam().name);
    const Diagnostic* previous = nullptr;
    for (const Diagnostic& diagnostic : decoded.diagnostics) {
        if (previous != nullptr && previous->file == diagnostic.file && diagnostic.position.line > 0) {
            EXPECT_LE(previous->position.line, diagnostic.position.line);
        }
        if (!diagnostic.source.empty() && diagnostic.source.size() < 240) {
            EXPECT_LE(diagnostic.position.column - 1 + diagnostic.width,
                      static_cast<int>(diagnostic.source.size()) + 1);
        }
        EXPECT_FALSE(diagnostic.message.empty());
        EXPECT_NE(diagnostic.message.back(), '.');
        EXPECT_NO_THROW((void)nlohmann::json(diagnostic.message + diagnostic.source).dump());
        previous = &diagnostic;
    }
}

INSTANTIATE_TEST_SUITE_P(Config, InvalidFixture, testing::ValuesIn(fixtures::parameters("invalid")), fixtures::title);

}  // namespace
