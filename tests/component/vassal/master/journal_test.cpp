// SPDX-License-Identifier: Apache-2.0
// Against a socket that stands for journald's.
#include "vassal/master/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

namespace vassal::master {
namespace {

using Outcome = Journal::Outcome;

// As systemd.io/JOURNAL_NATIVE_PROTOCOL says; apart from what wrote it.
std::map<std::string, std::string> parse(std::string entry) {
    std::map<std::string, std::string> fields;
    while (!entry.empty()) {
        const auto end = entry.find('\n');
        const auto equals = entry.find('=');
        if (equals < end) {
            fields[entry.substr(0, equals)] = entry.substr(equals + 1, end - equals - 1);
            entry.erase(0, end + 1);
            continue;
        }
        std::uint64_t size = 0;
        for (int byte = 7; byte >= 0; --byte)
            size = size << 8 | static_cast<unsigned char>(entry.at(end + 1 + static_cast<std::size_t>(byte)));
        fields[entry.substr(0, end)] = entry.substr(end + 9, size);
        EXPECT_EQ(entry.at(end + 9 + size), '\n');
        entry.erase(0, end + 10 + size);
    }
    return fields;
}

struct JournalTest : ::testing::Test {
    std::string folder = "/tmp/journal-test-XXXXXX";
    std::string path;
    common::UniqueFd server;
    bool came_as_file = false;

    JournalTest() {
        EXPECT_NE(::mkdtemp(folder.data()), nullptr);
        path = folder + "/socket";
    }
    ~JournalTest() override { std::filesystem::remove_all(folder); }

    void listen() {
        server.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        std::filesystem::remove(path);
        ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    std::string receive() {
        std::string bytes(1 << 16, '\0');
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
        iovec part{bytes.data(), bytes.size()};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const ssize_t size = ::recvmsg(server.get(), &message, MSG_CMSG_CLOEXEC);
        if (size < 0) return "";
        bytes.resize(static_cast<std::size_t>(size));
        const cmsghdr* header = CMSG_FIRSTHDR(&message);
        came_as_file = header != nullptr;
        if (!came_as_file) return bytes;
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        const common::UniqueFd file(fd);
        EXPECT_EQ(::fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
        struct stat status {};
        ::fstat(fd, &status);
        bytes.resize(static_cast<std::size_t>(status.st_size));
        EXPECT_EQ(::pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
        return bytes;
    }
};

TEST_F(JournalTest, fields_are_lines_and_values_with_newlines_have_their_length) {
    EXPECT_EQ(journal_entry({{"MESSAGE", "hello"}, {"PRIORITY", "6"}}), "MESSAGE=hello\nPRIORITY=6\n");
    EXPECT_EQ(journal_entry({{"MESSAGE", "a\nb"}}), std::string("MESSAGE\n\3\0\0\0\0\0\0\0a\nb\n", 20));
}

TEST_F(JournalTest, entries_arrive_also_of_many_lines_and_large_ones_as_a_sealed_file) {
    listen();
    Journal journal(path);
    ASSERT_EQ(journal.send({{"MESSAGE", "one"}, {"EMPEROR_VASSAL", "shop"}}), Outcome::taken);
    EXPECT_EQ(parse(receive()), (std::map<std::string, std::string>{{"MESSAGE", "one"}, {"EMPEROR_VASSAL", "shop"}}));
    EXPECT_FALSE(came_as_file);
    const std::string traceback = "Traceback\n  File \"x\"\nPRIORITY=0\nError=1";
    ASSERT_EQ(journal.send({{"MESSAGE", traceback}, {"PRIORITY", "3"}}), Outcome::taken);
    EXPECT_EQ(parse(receive()), (std::map<std::string, std::string>{{"MESSAGE", traceback}, {"PRIORITY", "3"}}));
    const std::string large(4'000'000, 'x');
    ASSERT_EQ(journal.send({{"MESSAGE", large}, {"PRIORITY", "6"}}), Outcome::taken);
    EXPECT_EQ(parse(receive())["MESSAGE"] == large, true);
    EXPECT_TRUE(came_as_file);
}

TEST_F(JournalTest, without_a_journal_nothing_happens_and_a_new_one_is_found) {
    Journal journal(path);
    EXPECT_EQ(journal.send({{"MESSAGE", "x"}}), Outcome::absent);
    listen();
    EXPECT_EQ(journal.send({{"MESSAGE", "first"}}), Outcome::taken);
    server.reset();
    EXPECT_EQ(journal.send({{"MESSAGE", "x"}}), Outcome::absent);
    listen();
    EXPECT_EQ(journal.send({{"MESSAGE", "again"}}), Outcome::taken);
    EXPECT_EQ(receive(), "MESSAGE=again\n");
}

TEST_F(JournalTest, one_that_does_not_read_costs_entries_and_no_time) {
    listen();
    Journal journal(path);
    int taken = 0;
    while (journal.send({{"MESSAGE", "x"}}) == Outcome::taken) ASSERT_LT(++taken, 100'000);
    const auto begin = std::chrono::steady_clock::now();
    for (int number = 0; number < 1000; ++number) EXPECT_EQ(journal.send({{"MESSAGE", "x"}}), Outcome::lost);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    while (!receive().empty()) {}
    EXPECT_EQ(journal.send({{"MESSAGE", "x"}}), Outcome::taken);
}

TEST_F(JournalTest, one_that_is_slow_is_not_waited_for_all_the_time) {
    listen();
    Journal journal(path);
    while (journal.send({{"MESSAGE", "x"}}) == Outcome::taken) {}
    std::atomic<bool> is_over = false;
    std::thread reader([&] {
        while (!is_over) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            (void)receive();
        }
    });
    using Clock = std::chrono::steady_clock;
    // Who waits sleeps; who is only kept from a busy processor does not.
    const auto sleeps = [] {
        rusage usage{};
        ::getrusage(RUSAGE_THREAD, &usage);
        return usage.ru_nvcsw;
    };
    int waits = 0;
    const auto begin = Clock::now();
    while (Clock::now() < begin + std::chrono::seconds(1)) {
        const auto before = sleeps();
        (void)journal.send({{"MESSAGE", "x"}});
        if (sleeps() != before) ++waits;
    }
    const auto most = (Clock::now() - begin) / std::chrono::milliseconds(100) + 1;
    is_over = true;
    reader.join();
    EXPECT_GT(waits, 0);
    EXPECT_LE(waits, most);
}

}  // namespace
}  // namespace vassal::master
