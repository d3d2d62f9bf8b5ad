// SPDX-License-Identifier: Apache-2.0
#include "common/config/host_name.h"

#include <gtest/gtest.h>

#include <string>

namespace common::config {
namespace {

using namespace std::string_literals;

TEST(HostName, labels_of_letters_digits_and_hyphens) {
    const std::string label(63, 'a');
    for (const std::string& name :
         {"www.example.com"s, "localhost"s, "a"s, "3com.com"s, "xn--bcher-kva.example"s, "a-b.c--d"s,
          "WWW.Example.COM"s, "1.2.3.4a"s, label + "." + label + "." + label + ".com"})
        EXPECT_FALSE(check_host_name(name)) << name << ": " << check_host_name(name).value();
}

TEST(HostName, everything_else_is_refused) {
    const std::string label(64, 'a');
    for (const std::string& name :
         {""s, "."s, ".."s, "a..b"s, ".a"s, "a."s, "-a"s, "a-"s, "a.-b"s, "a_b"s, "*"s, "*.example.com"s, "a b"s,
          "a/b"s, "../a"s, "a;b"s, "a{b"s, "a$b"s, "a\\b"s, "a\"b"s, "a'b"s, "a\nb"s, "a\0b"s, "a:80"s, "[::1]"s,
          "127.0.0.1"s, "1"s, "b\xc3\xbc"s, "a\x7f"s, label, label + ".com"s,
          std::string(62, 'a') + "." + std::string(62, 'a') + "." + std::string(62, 'a') + "." + std::string(62, 'a')})
        EXPECT_TRUE(check_host_name(name)) << name;
}

TEST(HostName, case_does_not_matter) { EXPECT_EQ(canonical_host_name("WWW.Example-1.COM"), "www.example-1.com"); }

}  // namespace
}  // namespace common::config
