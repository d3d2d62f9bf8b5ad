// SPDX-License-Identifier: Apache-2.0
// From scans, made by hand, to desired configurations.
#include "emperor/fleet/desired.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

namespace emperor::fleet {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

watch::ScannedFile file(const std::string& name, const std::string& text, std::uint64_t inode = 1) {
    watch::ScannedFile made;
    made.name = name;
    made.path = "/etc/apps.d/" + name + ".yaml";
    made.stamp.inode = inode;
    made.uid = ::geteuid();
    made.gid = ::getegid();
    made.text = std::make_shared<const std::string>(text);
    return made;
}

watch::Scan scan_of(std::vector<watch::ScannedFile> files, const std::string& defaults = "") {
    watch::ScannedDirectory directory;
    directory.path = "/etc/apps.d";
    directory.files = std::move(files);
    if (!defaults.empty()) directory.defaults = file("_defaults", defaults);
    watch::Scan scan;
    scan.directories.push_back(std::move(directory));
    return scan;
}

std::string text_of(const plan::DesiredFile& file) { return common::config::render(file.diagnostics); }

class DesiredTest : public ::testing::Test {
protected:
    plan::Desired build(const watch::Scan& scan) { return builder_.build(scan); }
    plan::DesiredFile only(const watch::Scan& scan) {
        plan::Desired desired = build(scan);
        EXPECT_EQ(desired.files.size(), 1u);
        return desired.files.empty() ? plan::DesiredFile{} : desired.files.front();
    }

    DesiredBuilder builder_{"/run/emperor/sockets"};
};

TEST_F(DesiredTest, a_good_file_has_a_configuration_and_whose_rights_it_gives) {
    const auto found = only(scan_of({file("shop", "app: shop:app\nchdir: /\n", 42)}));
    ASSERT_TRUE(found.effective) << text_of(found);
    EXPECT_EQ(found.name, "shop");
    EXPECT_EQ(found.stamp.inode, 42u);
    EXPECT_EQ(found.effective->config.app, "shop:app");
    EXPECT_EQ(found.uid, ::geteuid());
    EXPECT_EQ(builder_.identity_of("/etc/apps.d/shop.yaml").uid, ::geteuid());
    EXPECT_THAT(found.diagnostics, IsEmpty());
}

TEST_F(DesiredTest, defaults_are_merged_and_their_change_is_seen) {
    const auto shop = file("shop", "app: shop:app\nchdir: /\n");
    EXPECT_EQ(only(scan_of({shop}, "threads: 3\n")).effective->config.threads, 3);
    EXPECT_EQ(only(scan_of({shop}, "threads: 4\n")).effective->config.threads, 4);
    EXPECT_EQ(only(scan_of({shop})).effective->config.threads, 1);
}

TEST_F(DesiredTest, an_error_in_the_defaults_is_one_of_every_file) {
    const auto desired =
        build(scan_of({file("a", "app: a:app\nchdir: /\n"), file("b", "app: b:app\nchdir: /\n")}, "thread: 3\n"));
    for (const auto& found : desired.files) {
        EXPECT_FALSE(found.effective);
        EXPECT_THAT(text_of(found), HasSubstr("_defaults.yaml:1:1: error: unknown key 'thread'"));
    }
}

TEST_F(DesiredTest, what_did_not_change_is_not_decoded_again) {
    const auto scan = scan_of({file("shop", "app: shop:app\nchdir: /\n")});
    const auto first = only(scan).effective;
    EXPECT_EQ(only(scan).effective, first);
    EXPECT_NE(only(scan_of({file("shop", "app: shop:app\nchdir: /tmp\n")})).effective, first);
}

TEST_F(DesiredTest, an_error_is_looked_at_again_because_its_cause_may_lie_outside_the_file) {
    std::string place = "/tmp/desired-XXXXXX";
    ASSERT_NE(::mkdtemp(place.data()), nullptr);
    const auto scan = scan_of({file("shop", "app: shop:app\nchdir: " + place + "/current\n")});
    const auto missing = only(scan);
    EXPECT_FALSE(missing.effective);
    EXPECT_THAT(text_of(missing), HasSubstr("/etc/apps.d/shop.yaml:2:8: error: chdir"));
    EXPECT_EQ(::symlink("/", (place + "/current").c_str()), 0);
    EXPECT_TRUE(only(scan).effective);
    ::unlink((place + "/current").c_str());
    ::rmdir(place.c_str());
}

TEST_F(DesiredTest, a_finding_of_the_scanner_stands_alone) {
    auto bad = file("shop", "wokers: 4\n");
    common::config::Diagnostic finding;
    finding.file = bad.path;
    finding.message = "is writable by others";
    bad.findings.push_back(finding);
    const auto found = only(scan_of({bad}));
    EXPECT_FALSE(found.effective);
    ASSERT_EQ(found.diagnostics.size(), 1u);
    EXPECT_EQ(found.diagnostics.front().message, "is writable by others");
}

TEST_F(DesiredTest, two_vassals_that_claim_one_address_are_both_invalid) {
    const std::string text = "app: a:app\nchdir: /\nlisten: http:127.0.0.1:8000\n";
    const auto desired = build(scan_of({file("a", text), file("b", text)}));
    ASSERT_EQ(desired.files.size(), 2u);
    EXPECT_FALSE(desired.files[0].effective || desired.files[1].effective);
    EXPECT_THAT(text_of(desired.files[0]), HasSubstr("'b'"));
    EXPECT_THAT(text_of(desired.files[1]), HasSubstr("'a'"));
    // The one that does not run claims nothing.
    const auto resolved = build(scan_of({file("a", text), file("b", text + "enabled: false\n")}));
    EXPECT_TRUE(resolved.files[0].effective && resolved.files[1].effective);
}

TEST_F(DesiredTest, files_of_an_unreadable_directory_are_unknown_and_their_decoding_stays_good) {
    const auto scan = scan_of({file("shop", "app: shop:app\nchdir: /\n")});
    const auto first = only(scan).effective;
    watch::Scan gone;
    gone.directories.push_back({"/etc/apps.d", "No such file or directory", {}, std::nullopt});
    const auto desired = build(gone);
    EXPECT_THAT(desired.files, IsEmpty());
    EXPECT_EQ(desired.unreadable_directories, std::vector<std::string>{"/etc/apps.d"});
    EXPECT_EQ(builder_.identity_of("/etc/apps.d/shop.yaml").uid, ::geteuid());
    EXPECT_EQ(only(scan).effective, first);
}

TEST_F(DesiredTest, a_tenants_file_cannot_read_the_emperors_environment) {
    if (::geteuid() != 0) GTEST_SKIP() << "a plain user's emperor has no tenants";
    ::setenv("DESIRED_TEST_SECRET", "hush", 1);
    auto shop = file("shop", "app: shop:app\nchdir: /\nenv: {A: '${DESIRED_TEST_SECRET}'}\n");
    EXPECT_TRUE(only(scan_of({shop})).effective);
    shop.uid = 12345;
    shop.gid = 12345;
    const auto found = only(scan_of({shop}));
    EXPECT_FALSE(found.effective);
    EXPECT_THAT(text_of(found), HasSubstr("unknown variable 'DESIRED_TEST_SECRET'"));
    ::unsetenv("DESIRED_TEST_SECRET");
}

}  // namespace
}  // namespace emperor::fleet
