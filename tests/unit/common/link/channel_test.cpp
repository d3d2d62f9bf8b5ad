// SPDX-License-Identifier: Apache-2.0
#include "common/link/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace common::link {
namespace {

std::pair<UniqueFd, UniqueFd> channel() { return std::move(make_channel().value()); }

TEST(Channel, a_message_arrives_whole) {
    const auto [a, b] = channel();
    const std::string payload(100'000, 'x');
    ASSERT_TRUE(send(a.get(), payload));
    const auto received = receive(b.get());
    ASSERT_TRUE(received);
    EXPECT_EQ(received->state, ReceiveState::packet);
    EXPECT_EQ(received->packet.payload, payload);
}

TEST(Channel, messages_keep_their_borders) {
    const auto [a, b] = channel();
    ASSERT_TRUE(send(a.get(), "one"));
    ASSERT_TRUE(send(a.get(), "two"));
    EXPECT_EQ(receive(b.get())->packet.payload, "one");
    EXPECT_EQ(receive(b.get())->packet.payload, "two");
    EXPECT_EQ(receive(b.get())->state, ReceiveState::empty);
}

TEST(Channel, descriptors_travel_along_and_are_close_on_exec) {
    const auto [a, b] = channel();
    int pipe_fds[2];
    ASSERT_EQ(::pipe(pipe_fds), 0);
    const UniqueFd read_end(pipe_fds[0]);
    UniqueFd write_end(pipe_fds[1]);
    const int fds[] = {write_end.get()};
    ASSERT_TRUE(send(a.get(), "take it", fds));
    write_end.reset();
    auto received = receive(b.get());
    ASSERT_TRUE(received);
    ASSERT_EQ(received->packet.fds.size(), 1u);
    EXPECT_EQ(::fcntl(received->packet.fds[0].get(), F_GETFD), FD_CLOEXEC);
    ASSERT_EQ(::write(received->packet.fds[0].get(), "!", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(read_end.get(), &byte, 1), 1);
    EXPECT_EQ(byte, '!');
}

TEST(Channel, the_end_is_told_from_silence) {
    auto [a, b] = channel();
    ASSERT_TRUE(send(a.get(), "last words"));
    a.reset();
    EXPECT_EQ(receive(b.get())->packet.payload, "last words");
    EXPECT_EQ(receive(b.get())->state, ReceiveState::closed);
}

TEST(Channel, a_peer_that_left_unread_words_behind_reads_as_closed) {
    auto [a, b] = channel();
    ASSERT_TRUE(send(b.get(), "never read"));
    a.reset();
    EXPECT_EQ(receive(b.get())->state, ReceiveState::closed);
}

TEST(Channel, the_kernel_names_the_sender_where_that_is_asked_for) {
    const auto [a, b] = channel();
    ASSERT_TRUE(send(a.get(), "who?"));
    EXPECT_FALSE(receive(b.get())->packet.sender);
    ASSERT_TRUE(name_senders(b.get()));
    const pid_t child = ::fork();
    if (child == 0) ::_exit(send(a.get(), "me") ? 0 : 1);
    ::waitpid(child, nullptr, 0);
    const auto received = receive(b.get());
    ASSERT_TRUE(received && received->packet.sender);
    EXPECT_EQ(received->packet.sender->pid, child) << "whoever made the channel";
    EXPECT_EQ(received->packet.sender->uid, ::getuid());
    ASSERT_TRUE(name_senders(b.get(), false));
    ASSERT_TRUE(send(a.get(), "again"));
    EXPECT_FALSE(receive(b.get())->packet.sender);
}

TEST(Channel, sending_never_blocks_and_never_kills) {
    auto [a, b] = channel();
    const std::string payload(max_packet_size, 'x');
    Result<void> sent = Result<void>();
    for (int i = 0; i < 100 && sent; ++i) sent = send(a.get(), payload);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code.value(), EAGAIN);
    b.reset();
    EXPECT_FALSE(send(a.get(), "x"));  // ECONNRESET once, for what was not read
    EXPECT_EQ(send(a.get(), "x").error().code.value(), EPIPE);
}

TEST(Channel, empty_and_too_long_messages_are_refused) {
    const auto [a, b] = channel();
    EXPECT_FALSE(send(a.get(), ""));
    EXPECT_FALSE(send(a.get(), std::string(max_packet_size + 1, 'x')));
    EXPECT_EQ(receive(b.get())->state, ReceiveState::empty);
}

TEST(Channel, a_truncated_packet_is_an_error) {
    const auto [a, b] = channel();
    const std::string payload(max_packet_size + 10, 'x');
    ASSERT_EQ(::send(a.get(), payload.data(), payload.size(), 0), static_cast<ssize_t>(payload.size()));
    EXPECT_FALSE(receive(b.get()));
}

TEST(Channel, last_words_arrive_although_the_speaker_closed_without_listening) {
    auto [a, b] = channel();
    ASSERT_TRUE(send(a.get(), "never read"));
    ASSERT_TRUE(send(b.get(), "the last words"));
    b.reset();
    const auto words = receive(a.get()).value();
    EXPECT_EQ(words.state, ReceiveState::packet);
    EXPECT_EQ(words.packet.payload, "the last words");
    EXPECT_EQ(receive(a.get()).value().state, ReceiveState::closed);
}

int open_descriptors() {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

TEST(Channel, too_many_descriptors_are_an_error_and_none_stays_open) {
    const auto [a, b] = channel();
    constexpr std::size_t count = max_packet_fds + 20;
    iovec part{const_cast<char*>("x"), 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * count)] = {};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
    for (std::size_t i = 0; i < count; ++i) {
        const int fd = a.get();
        std::memcpy(CMSG_DATA(rights) + i * sizeof fd, &fd, sizeof fd);
    }
    ASSERT_EQ(::sendmsg(a.get(), &header, 0), 1);
    const int before = open_descriptors();
    EXPECT_FALSE(receive(b.get()));
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace common::link
