// SPDX-License-Identifier: Apache-2.0
// The checks that look at the machine, on a directory made for each test; and law 11, as root and as nobody in
// particular (both are told by Ownership, nothing here changes users).
#include "common/config/verify.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/unit/common/config/fixtures.h"

using namespace common::config;

namespace {

Effective good(const std::string& text, const std::optional<std::string>& defaults = std::nullopt,
               const std::string& name = "shop") {
    std::optional<Source> below;
    if (defaults) below = Source{"/etc/apps.d/_defaults.yaml", *defaults};
    Decoded decoded = decode({"/etc/apps.d/" + name + ".yaml", text}, below, fixtures::options(name));
    EXPECT_TRUE(decoded.effective) << render(decoded.diagnostics);
    return decoded.effective.value_or(Effective{});
}

class Verify : public testing::Test {
protected:
    Verify() {
        std::string pattern = (std::filesystem::temp_directory_path() / "config-test-XXXXXX").string();
        root = ::mkdtemp(pattern.data());
    }
    ~Verify() override { std::filesystem::remove_all(root); }

    void write(const std::string& path, const std::string& text) {
        std::filesystem::create_directories((root / path).parent_path());
        std::ofstream(root / path) << text;
    }
    std::filesystem::path directory(const std::string& path) {
        std::filesystem::create_directories(root / path);
        return root / path;
    }
    // Headlines of what is found, "" for nothing; ROOT stands for the directory.
    std::string findings(const std::string& text) {
        Diagnostics diagnostics;
        Identity identity;
        identity.user = "shop";
        verify_environment(good(text), identity, diagnostics);
        std::string found;
        for (const Diagnostic& diagnostic : diagnostics) found += headline(diagnostic) + "\n";
        for (std::size_t at; (at = found.find(root.string())) != std::string::npos;)
            found.replace(at, root.string().size(), "ROOT");
        return found;
    }
    std::string in_root(const std::string& path) { return (root / path).string(); }

    std::filesystem::path root;
};

TEST_F(Verify, finds_nothing_wrong_with_what_is_there) {
    directory("code/lib");
    write("code/.env", "A=1\n");
    write("venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\n");
    directory("venv/lib/python3.11/site-packages");
    EXPECT_EQ(
        findings("app: x\nchdir: " + in_root("code") + "\nvenv: " + in_root("venv") +
                 "\npython_path: lib\nenv_file: .env\nlog: {file: app.log}\nsocket: {owner: root, group: root}\n"),
        "");
}

TEST_F(Verify, finds_a_missing_chdir) {
    EXPECT_EQ(findings("app: x\nchdir: " + in_root("gone") + "\n"),
              "/etc/apps.d/shop.yaml:2:8: error: chdir: there is no directory ROOT/gone\n");
}

TEST_F(Verify, finds_a_chdir_that_is_a_file) {
    write("file", "");
    EXPECT_EQ(findings("app: x\nchdir: " + in_root("file") + "\n"),
              "/etc/apps.d/shop.yaml:2:8: error: chdir: ROOT/file is not a directory\n");
}

TEST_F(Verify, finds_a_chdir_that_cannot_be_entered) {
    if (::geteuid() == 0) GTEST_SKIP() << "root may enter every directory";
    ::chmod(directory("closed").c_str(), 0);
    EXPECT_EQ(findings("app: x\nchdir: " + in_root("closed") + "\n"),
              "/etc/apps.d/shop.yaml:2:8: error: chdir: ROOT/closed cannot be entered by 'shop': Permission denied\n");
}

TEST_F(Verify, finds_static_directories_that_are_none) {
    write("file", "");
    std::filesystem::create_directory_symlink(directory("releases/1/public").parent_path(), root / "current");
    const std::string text = "app: x\nchdir: " + in_root("current") +
                             "\nstatic:\n  /good: public\n  /gone.d/: gone\n  /file: " + in_root("file") + "\n";
    EXPECT_EQ(findings(text),
              "/etc/apps.d/shop.yaml:6:10: error: static: /file: ROOT/file is not a directory\n"
              "/etc/apps.d/shop.yaml:5:13: error: static: /gone.d: there is no directory ROOT/current/gone\n");
    EXPECT_EQ(findings(text + "before_start: make gone\n"),
              "/etc/apps.d/shop.yaml:6:10: error: static: /file: ROOT/file is not a directory\n")
        << "the command may make what is missing";
}

TEST_F(Verify, finds_a_venv_of_another_python) {
    write("venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.9.2\n");
    const std::string found = findings("app: x\nvenv: " + in_root("venv") + "\n");
    EXPECT_EQ(found,
              "/etc/apps.d/shop.yaml:2:7: error: venv: ROOT/venv is for Python 3.9.2, needed is 3.11 "
              "(make it anew: /usr/bin/python3 -m venv --clear ROOT/venv)\n");
}

TEST_F(Verify, reads_the_version_as_virtualenv_writes_it) {
    write("venv/pyvenv.cfg", "version_info = 3.12.0.final.0\n");
    EXPECT_NE(findings("app: x\nvenv: " + in_root("venv") + "\n").find("is for Python 3.12.0.final.0"),
              std::string::npos);
    write("venv/pyvenv.cfg", "version_info = 3.110.0\n");
    EXPECT_NE(findings("app: x\nvenv: " + in_root("venv") + "\n").find("is for Python 3.110.0"), std::string::npos);
    write("venv/pyvenv.cfg", "version_info = 3.11.4.final.0\n");
    directory("venv/lib/python3.11");
    EXPECT_EQ(findings("app: x\nvenv: " + in_root("venv") + "\n"), "");
}

TEST_F(Verify, finds_a_venv_without_packages_and_one_that_is_none) {
    write("venv/pyvenv.cfg", "home = /usr/bin\n");
    EXPECT_NE(findings("app: x\nvenv: " + in_root("venv") + "\n").find("ROOT/venv has no lib/python3.11"),
              std::string::npos);
    directory("none");
    EXPECT_NE(
        findings("app: x\nvenv: " + in_root("none") + "\n").find("is not a virtual environment, it has no pyvenv.cfg"),
        std::string::npos);
}

TEST_F(Verify, finds_bad_env_files_each_at_its_place) {
    write("good.env", "A=1\n");
    write("bad.env", "A=1\nnonsense\n");
    EXPECT_EQ(
        findings("app: x\nchdir: " + root.string() + "\nenv_file:\n  - good.env\n  - bad.env\n  - gone.env\n  - .\n"),
        "/etc/apps.d/shop.yaml:5:5: error: env_file: ROOT/bad.env:2: expected KEY=value\n"
        "/etc/apps.d/shop.yaml:6:5: error: env_file: ROOT/gone.env: No such file or directory\n"
        "/etc/apps.d/shop.yaml:7:5: error: env_file: ROOT: is not a regular file\n");
}

TEST_F(Verify, does_not_wait_for_a_fifo) {
    ::mkfifo(in_root("fifo").c_str(), 0600);
    EXPECT_NE(findings("app: x\nenv_file: " + in_root("fifo") + "\n").find("is not a regular file"), std::string::npos);
}

TEST_F(Verify, finds_a_missing_python_path_and_log_directory) {
    EXPECT_EQ(findings("app: x\npython_path: [" + root.string() + ", " + in_root("gone") +
                       "]\nlog: {file: " + in_root("logs/app.log") + "}\n"),
              "/etc/apps.d/shop.yaml:2:" + std::to_string(15 + root.string().size() + 2) +
                  ": error: python_path: there is no directory ROOT/gone\n"
                  "/etc/apps.d/shop.yaml:3:13: error: log.file: there is no directory ROOT/logs\n");
}

TEST_F(Verify, finds_socket_owners_that_do_not_exist) {
    EXPECT_EQ(findings("app: x\nsocket: {owner: no-such-user, group: no-such-group}\n"),
              "/etc/apps.d/shop.yaml:2:17: error: socket.owner: there is no user 'no-such-user' on this machine\n"
              "/etc/apps.d/shop.yaml:2:38: error: socket.group: there is no group 'no-such-group' on this machine\n");
}

// ---- identities

constexpr uid_t unknown_uid = 54321;

struct Resolved {
    std::optional<Identity> identity;
    std::string error;
};

Resolved resolve(const std::string& text, const Ownership& ownership,
                 const std::optional<std::string>& defaults = std::nullopt) {
    Diagnostics diagnostics;
    Resolved resolved;
    resolved.identity = resolve_identity(good(text, defaults), ownership, diagnostics);
    EXPECT_EQ(resolved.identity.has_value(), diagnostics.empty());
    for (const Diagnostic& diagnostic : diagnostics) resolved.error += headline(diagnostic) + "\n";
    return resolved;
}

const Ownership roots_file{.file_uid = 0, .file_gid = 0, .process_uid = 0};

passwd entry_of(const char* name) {
    const passwd* entry = ::getpwnam(name);
    EXPECT_NE(entry, nullptr) << name;
    return entry != nullptr ? *entry : passwd{};
}

TEST(Identity, a_file_of_root_runs_as_the_user_it_names) {
    const passwd nobody = entry_of("nobody");
    const auto resolved = resolve("app: x\nuser: nobody\n", roots_file);
    ASSERT_TRUE(resolved.identity) << resolved.error;
    EXPECT_EQ(resolved.identity->uid, nobody.pw_uid);
    EXPECT_EQ(resolved.identity->gid, nobody.pw_gid);
    EXPECT_EQ(resolved.identity->user, "nobody");
    EXPECT_EQ(resolved.identity->groups, std::vector<gid_t>{nobody.pw_gid});
}

TEST(Identity, a_group_is_taken_beside_the_user) {
    const auto resolved = resolve("app: x\nuser: nobody\ngroup: 33\n", roots_file);
    ASSERT_TRUE(resolved.identity);
    EXPECT_EQ(resolved.identity->gid, 33u);
}

TEST(Identity, a_file_of_root_without_a_user_runs_as_root) {
    const auto resolved = resolve("app: x\n", roots_file);
    ASSERT_TRUE(resolved.identity);
    EXPECT_EQ(resolved.identity->uid, 0u);
    EXPECT_EQ(resolved.identity->home, "/root");
}

TEST(Identity, a_number_needs_no_entry) {
    const auto resolved = resolve("app: x\nuser: 54321\n", roots_file);
    ASSERT_TRUE(resolved.identity);
    EXPECT_EQ(resolved.identity->uid, unknown_uid);
    EXPECT_EQ(resolved.identity->gid, unknown_uid);
    EXPECT_EQ(resolved.identity->user, "");
    EXPECT_EQ(resolved.identity->home, "/");
}

TEST(Identity, unknown_users_and_groups_are_told_together) {
    EXPECT_EQ(resolve("app: x\nuser: no-such-user\ngroup: no-such-group\n", roots_file).error,
              "/etc/apps.d/shop.yaml:2:7: error: user: there is no user 'no-such-user' on this machine\n"
              "/etc/apps.d/shop.yaml:3:8: error: group: there is no group 'no-such-group' on this machine\n");
    EXPECT_NE(resolve("app: x\nuser: 4294967295\n", roots_file).error, "")
        << "chown and setresuid take it for 'unchanged'";
}

TEST(Identity, a_tenants_file_runs_as_its_owner) {
    const passwd nobody = entry_of("nobody");
    const Ownership tenant{.file_uid = nobody.pw_uid, .file_gid = nobody.pw_gid, .process_uid = 0};
    for (const char* text : {"app: x\n", "app: x\nuser: nobody\n"}) {
        const auto resolved = resolve(text, tenant);
        ASSERT_TRUE(resolved.identity) << resolved.error;
        EXPECT_EQ(resolved.identity->uid, nobody.pw_uid);
    }
    EXPECT_EQ(
        resolve("app: x\nuser: root\n", tenant).error,
        "/etc/apps.d/shop.yaml:2:7: error: user: this file belongs to 'nobody' and can only run as that user, not as "
        "'root' (remove the key, or chown the file to root)\n");
    EXPECT_NE(resolve("app: x\nuser: 0\n", tenant).error, "");
}

TEST(Identity, a_tenant_gets_only_groups_that_the_tenant_has) {
    const passwd nobody = entry_of("nobody");
    const Ownership tenant{.file_uid = nobody.pw_uid, .file_gid = 0, .process_uid = 0};
    EXPECT_NE(resolve("app: x\ngroup: root\n", tenant).error.find("is not a member of the group 'root'"),
              std::string::npos);
    const auto own = resolve("app: x\ngroup: " + std::to_string(nobody.pw_gid) + "\n", tenant);
    EXPECT_TRUE(own.identity) << own.error;
}

TEST(Identity, a_tenant_cannot_give_the_socket_away) {
    const passwd nobody = *::getpwnam("nobody");
    const Ownership tenant{.file_uid = nobody.pw_uid, .file_gid = nobody.pw_gid, .process_uid = 0};
    EXPECT_NE(resolve("app: x\nsocket: {owner: root}\n", tenant).error.find("belongs to the file's owner, not to 'root'"),
              std::string::npos);
    EXPECT_NE(resolve("app: x\nsocket: {group: root}\n", tenant).error.find("is not a member of the group 'root'"),
              std::string::npos);
    EXPECT_EQ(resolve("app: x\nsocket: {owner: nobody, group: nogroup}\n", tenant).error, "");
    EXPECT_EQ(resolve("app: x\n", tenant, "socket: {owner: root, group: root}\n").error, "") << "root may, for all";
    EXPECT_EQ(resolve("app: x\nsocket: {owner: nobody}\n", roots_file).error, "");
}

TEST(Identity, a_tenant_without_an_entry_has_the_ids_of_the_file) {
    const Ownership tenant{.file_uid = unknown_uid, .file_gid = 0, .process_uid = 0};
    const auto resolved = resolve("app: x\n", tenant);
    ASSERT_TRUE(resolved.identity);
    EXPECT_EQ(resolved.identity->uid, unknown_uid);
    EXPECT_EQ(resolved.identity->groups, std::vector<gid_t>{resolved.identity->gid});
}

TEST(Identity, the_defaults_of_root_give_a_tenant_neither_user_nor_group) {
    const passwd nobody = entry_of("nobody");
    const Ownership tenant{.file_uid = nobody.pw_uid, .file_gid = nobody.pw_gid, .process_uid = 0};
    const auto resolved = resolve("app: x\n", tenant, "user: root\ngroup: root\n");
    ASSERT_TRUE(resolved.identity) << resolved.error;
    EXPECT_EQ(resolved.identity->uid, nobody.pw_uid);
    EXPECT_EQ(resolved.identity->gid, nobody.pw_gid);
}

TEST(Identity, an_emperor_that_is_not_root_changes_nobody) {
    const Ownership own{.file_uid = unknown_uid, .file_gid = unknown_uid, .process_uid = unknown_uid};
    const auto resolved = resolve("app: x\n", own);
    ASSERT_TRUE(resolved.identity);
    EXPECT_EQ(resolved.identity->uid, unknown_uid);
    EXPECT_EQ(resolved.identity->gid, ::getegid());
    EXPECT_TRUE(resolve("app: x\nuser: 54321\n", own).identity);
    EXPECT_EQ(resolve("app: x\nuser: root\n", own).error,
              "/etc/apps.d/shop.yaml:2:7: error: user: an emperor that runs as uid 54321 cannot run a vassal as 'root' "
              "(start the emperor as root, or remove the key)\n");
    EXPECT_NE(resolve("app: x\ngroup: 54321\n", own).error.find("start the emperor as root"), std::string::npos);
}

TEST(Identity, a_plain_emperor_does_not_care_who_owns_the_file) {
    const auto resolved = resolve("app: x\n", {.file_uid = 0, .file_gid = 0, .process_uid = unknown_uid});
    ASSERT_TRUE(resolved.identity);
    EXPECT_EQ(resolved.identity->uid, unknown_uid);
}

// ---- claims

std::vector<std::string> claim(const std::vector<std::pair<std::string, std::string>>& vassals,
                               const AddressHolders& holders = {}) {
    std::vector<Effective> effectives;
    std::vector<Diagnostics> diagnostics(vassals.size());
    for (const auto& [name, listen] : vassals)
        effectives.push_back(good("app: x\nlisten: " + listen + "\n", std::nullopt, name));
    std::vector<Claim> claims;
    for (std::size_t i = 0; i < vassals.size(); ++i)
        claims.push_back({vassals[i].first, &effectives[i], &diagnostics[i]});
    verify_claims(claims, holders);
    std::vector<std::string> texts;
    for (const Diagnostics& found : diagnostics) texts.push_back(found.empty() ? "" : headline(found.front()));
    return texts;
}

TEST(Claims, two_vassals_on_one_address_are_both_told) {
    const auto texts =
        claim({{"a", "uwsgi:/run/x.sock"}, {"b", "[http::8000, http:/run/x.sock]"}, {"c", "uwsgi:/run/y.sock"}});
    EXPECT_EQ(texts[0], "/etc/apps.d/a.yaml:2:9: error: listen: '/run/x.sock' is also claimed by the vassal 'b'");
    EXPECT_EQ(texts[1], "/etc/apps.d/b.yaml:2:22: error: listen: '/run/x.sock' is also claimed by the vassal 'a'");
    EXPECT_EQ(texts[2], "");
}

TEST(Claims, a_port_of_every_interface_collides_with_that_of_one) {
    const auto texts = claim({{"a", "http::8000"}, {"b", "http:127.0.0.1:8000"}, {"c", "http:127.0.0.1:8001"}});
    EXPECT_EQ(texts[0],
              "/etc/apps.d/a.yaml:2:9: error: listen: ':8000' is also claimed by the vassal 'b' as '127.0.0.1:8000'");
    EXPECT_NE(texts[1], "");
    EXPECT_EQ(texts[2], "");
}

TEST(Claims, who_has_an_address_keeps_it_and_only_the_other_one_is_told) {
    const auto texts = claim({{"a", "http:127.0.0.1:8000"}, {"b", "http:127.0.0.1:8000"}, {"c", "http::8000"}},
                             {{"127.0.0.1:8000", "b"}});
    EXPECT_EQ(texts[0], "/etc/apps.d/a.yaml:2:9: error: listen: '127.0.0.1:8000' belongs to the vassal 'b'");
    EXPECT_EQ(texts[1], "");
    EXPECT_EQ(texts[2], "/etc/apps.d/c.yaml:2:9: error: listen: ':8000' belongs to the vassal 'b' as '127.0.0.1:8000'");
}

TEST(Claims, a_holder_that_wants_another_address_by_now_has_no_say_about_that_one) {
    const auto texts = claim({{"a", "http:127.0.0.1:8001"}, {"b", "http:127.0.0.1:8001"}}, {{"127.0.0.1:8000", "b"}});
    EXPECT_NE(texts[0], "");
    EXPECT_NE(texts[1], "");
}

TEST(Claims, spellings_of_one_address_are_one_address) {
    EXPECT_NE(claim({{"a", "uwsgi:/run//x.sock"}, {"b", "uwsgi:/run/./x.sock"}})[0], "");
    EXPECT_NE(claim({{"a", "http:localhost:80"}, {"b", "http:127.0.0.1:80"}})[1], "");
}

TEST(Claims, addresses_that_only_look_alike_do_not_collide) {
    for (const auto& pair :
         std::vector<std::pair<std::string, std::string>>{{"http:127.0.0.1:80", "http:127.0.0.2:80"},
                                                          {"uwsgi:@/run/x", "uwsgi:/run/x"},
                                                          {"http:127.0.0.1:0", "http:127.0.0.1:0"}}) {
        const auto texts = claim({{"a", "\"" + pair.first + "\""}, {"b", "\"" + pair.second + "\""}});
        EXPECT_EQ(texts[0] + texts[1], "");
    }
}

}  // namespace
