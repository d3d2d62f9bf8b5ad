// SPDX-License-Identifier: Apache-2.0
// Replaces the program of the running emperor in place: the same pid, the same vassals. The program on disk is tried
// first (`emperor … --can-start`); one that cannot start leaves the running one as it is. Then everything is left as for
// the next emperor (SIGQUIT) and the new program is executed; it adopts what runs. Owned by the emperor.
#pragma once

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "emperor/process/child.h"
#include "emperor/process/inherited.h"
#include "emperor/process/timer.h"

namespace emperor {

class Upgrade {
public:
    // `arguments` is argv of this process; `open_files` the limit that it was started with.
    Upgrade(boost::asio::io_context& io, std::vector<std::string> arguments, rlimit open_files);

    // Tries the program; `done` is called once, from the event loop, never from inside. One at a time.
    void try_program(std::function<void(const common::Result<void>&)> done);

    // Executes the program; everything that must outlive this process image was let go of. If the kernel refuses the
    // new one, the program that runs now is executed again. Returns only when that fails too.
    void execute(const process::InheritedSockets& inherited) const;

private:
    void finish(const common::Result<void>& result);

    boost::asio::io_context& io_;
    std::vector<std::string> arguments_;
    rlimit open_files_;
    std::string program_;
    common::UniqueFd running_;  // the file of the program that runs, should the one on disk be no good
    std::unique_ptr<process::Child> trial_;
    process::Timer patience_;
    std::function<void(const common::Result<void>&)> done_;
};

}  // namespace emperor
