// SPDX-License-Identifier: Apache-2.0
// A real master process with real forked workers, but an app of C++; the test plays the emperor. Every wait has a
// deadline. Used by the component tests of this folder only.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/link/channel.h"
#include "common/link/log_record.h"
#include "common/link/messages.h"
#include "common/scoreboard/scoreboard.h"

namespace vassal::master::test {

using namespace common::link;

// What the fake app does with the one byte that a client sends.
//   p: answers its pid   o/e: prints a line to stdout/stderr   x: exits with 3   h: hangs in a request
//   u: prints without a newline, then exits with 0   i: as h, but ignores the signal of a request timeout
//   g: gives the connection to its master, for a sibling that answers the next byte
//   m: keeps 64 MiB   c: closes its link to the master and hangs
// config.app picks how a worker starts: "ok:app", "fail:app" (import fails), "exit:app" (exits with 7), "hang:app";
// "poke:app" prints a line when the master pokes it.
// A file `broken` in the test's directory makes every later import fail.
class Shop : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    // Forks the master and sends Start; `settings` as for --set.
    void start(std::vector<std::string> settings, std::string app = "ok:app");
    // The canonical document of `settings` as start() makes it.
    [[nodiscard]] nlohmann::json document(std::vector<std::string> settings, const std::string& app = "ok:app") const;
    void send(const EmperorMessage& message) const;
    // The next message of that kind; others before it are kept in `seen`.
    template <class T>
    T expect() {
        for (;;) {
            auto message = next();
            if (!message) {
                ADD_FAILURE() << "the master did not say it";
                return T{};
            }
            seen.push_back(*message);
            if (const T* found = std::get_if<T>(&*message)) return *found;
        }
    }
    std::optional<MasterMessage> next();
    void serve(std::vector<std::string> settings);  // start, ready, promote, promoted

    // Sends the byte on a new connection and gives back the whole answer.
    std::string ask(char what) const;
    int connect_and_send(char what) const;
    static std::string answer_on(int fd);  // all of it
    // Waits for a line that contains the text.
    LogRecord expect_line(std::string_view text);
    // Waits for the master's end; its exit code, or -1.
    int exit_code();
    common::scoreboard::WorkerFigures worker(int id) const;

    std::string directory;                 // of this test
    pid_t master = -1;
    common::UniqueFd link, log, listener, rendezvous, board_fd;
    common::scoreboard::Mapping board;
    std::vector<MasterMessage> seen;
    std::vector<LogRecord> lines;
};

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit = std::chrono::seconds(10));
bool is_gone(pid_t pid);

}  // namespace vassal::master::test
