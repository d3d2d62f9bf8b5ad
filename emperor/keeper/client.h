// SPDX-License-Identifier: Apache-2.0
// The emperor's side of the keeper: finds the one that a former emperor left, or starts one, tells it what to hold, and
// starts another one when it dies. Losing the keeper costs nothing as long as the emperor lives, so nothing here fails:
// trouble is logged. Owned by the fleet; single-threaded, in its event loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "emperor/process/timer.h"

namespace emperor::keeper {

using Holdings = std::map<std::string, common::UniqueFd>;

class Client {
public:
    // `program` is the emperor's own binary, which plays the keeper too.
    Client(boost::asio::io_context& io, std::string runtime_directory, std::string program);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // What a keeper held for the former emperor; empty when there was none. It holds all of it until drop() or
    // keep_only() say otherwise. Blocks for a moment, at most three seconds.
    [[nodiscard]] Holdings start();

    // Hold a duplicate of `fd` under `key`. The fd is borrowed until drop(key): another keeper may have to be told.
    void keep(const std::string& key, int fd);
    void drop(const std::string& key);
    // Of what start() returned, all that was not named by keep() since then is dropped, but for what `is_waited_for` (by key).
    void drop_unclaimed(const std::function<bool(const std::string&)>& is_waited_for);

    // Nobody could find the keeper any more, its socket is gone: it ends, and another one takes its place.
    void renew();

    // The emperor leaves its vassals running: the keeper is told nothing more.
    void leave();
    // Nothing is to be kept: the keeper ends. Waits for that, at most a second.
    void dismiss();

private:
    [[nodiscard]] bool connect();
    [[nodiscard]] common::Result<void> spawn();
    [[nodiscard]] common::Result<Holdings> fetch();
    void use(common::UniqueFd link);
    void watch();
    void lost(const std::string& why);
    void start_another();
    bool tell(char order, const std::string& key, int fd);

    boost::asio::io_context& io_;
    std::string runtime_directory_, program_;
    boost::asio::posix::stream_descriptor link_;
    process::Timer retry_;
    std::map<std::string, int> kept_;               // borrowed descriptors
    std::set<std::string> unclaimed_;               // keys of start()
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // second owner: pending waits
};

}  // namespace emperor::keeper
