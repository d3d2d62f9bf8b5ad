// SPDX-License-Identifier: Apache-2.0
// The reading end of one worker's stdout or stderr. Owned by Master, and outlives the worker while processes that the
// app started still hold the other end. Reading never waits, so the app never does either.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string_view>
#include <utility>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/link/log_record.h"
#include "vassal/master/app_log.h"
#include "vassal/master/line_splitter.h"

namespace vassal::master {

struct PipeEnds {
    common::UniqueFd read, write;  // CLOEXEC; the reading end is non-blocking
};
// As large as the system lets it be, up to 1 MiB.
[[nodiscard]] common::Result<PipeEnds> make_log_pipe();

class LogPipe {
public:
    LogPipe(boost::asio::io_context& io, common::UniqueFd fd, common::link::LogStream stream, int worker, AppLog& log);
    LogPipe(const LogPipe&) = delete;
    LogPipe& operator=(const LogPipe&) = delete;

    // Takes what is there now, and the unfinished line: the process at the other end is gone.
    void finish();
    void close();
    [[nodiscard]] bool is_open() const noexcept { return descriptor_.is_open(); }
    [[nodiscard]] bool is_orphaned() const noexcept { return is_orphaned_; }
    // Also sees every line; set for a command whose last lines are its failure's detail.
    std::function<void(std::string_view)> on_line;
    // Called once at the end of the pipe.
    std::function<void()> on_end;

private:
    void wait();
    void read_some();
    void flush_later();
    void emit(std::string_view line);

    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer partial_timer_;
    common::link::LogStream stream_;
    int worker_;
    AppLog& log_;
    LineSplitter splitter_;
    bool is_flush_armed_ = false;
    bool has_line_since_ = false;  // since the timer was armed
    bool is_orphaned_ = false;
};

}  // namespace vassal::master
