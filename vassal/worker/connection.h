// SPDX-License-Identifier: Apache-2.0
// One client connection: a slot in a slab, never freed while the worker runs. An idle one is this struct and nothing
// else: buffers are borrowed while bytes are there.
//
// Ownership. A connection is either owned by one thread or armed in the epoll set. Whoever turns `owner` from armed to
// owned (by an event or by a deadline) owns it. Events are hints: a late one for a slot that was used again makes its
// thread look at the socket and find nothing. `arming` and `fired` close the gap between epoll_ctl and `armed`:
//     owner:   owned → arming → (epoll_ctl) → armed            and back to owned by event or deadline
//                         └ event comes early → fired → owned  (the arming thread goes on with it)
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "common/net/address.h"
#include "vassal/protocol/endpoint.h"
#include "vassal/protocol/fastcgi.h"
#include "vassal/protocol/http.h"
#include "vassal/worker/body_collector.h"
#include "vassal/worker/input_buffer.h"
#include "vassal/worker/output.h"

namespace vassal::worker {

enum class Phase : std::uint8_t {
    proxy,      // HTTP from a trusted proxy: a PROXY header may come first
    head,       // a request has begun, or the connection is new
    idle,       // kept alive, nothing received of the next request
    body,       // the head is there, the body is not
    writing,    // the reactor finishes a response
    lingering,  // write side shut; what the client still sends is thrown away, so that close() is no reset
};

enum class Owner : std::uint8_t { free, owned, arming, fired, armed };

struct Connection {
    std::atomic<Owner> owner{Owner::free};
    Phase phase = Phase::head;
    common::net::Protocol protocol = common::net::Protocol::uwsgi;
    bool keep_alive = false;  // after the response that is being written
    bool is_unread = false;   // close() needs a lingering phase: the client may still be sending
    bool is_incomplete = false;  // the response that is being written: its end must not look like one
    bool is_unfinished = false;  // as the scoreboard knows it
    std::uint8_t listener = 0;
    int fd = -1;
    std::uint32_t interest = 0;   // in the epoll set with these events; 0: not in it
    std::uint32_t head_size = 0;  // phase body: the decoded head lies at the begin of `input`
    std::atomic<std::int64_t> deadline_us{0};
    std::int64_t phase_deadline_us = 0;  // bound of a whole phase (head, lingering), 0: none yet
    std::int64_t first_bytes_us = 0;     // when the first bytes of this request were read; 0: not yet
    std::uint64_t inline_body = 0;       // bytes of the body that lie behind the head in `input`
    std::uint32_t body_tail = 0;         // FastCGI: bytes behind an inline body that belong to its records
    protocol::HttpScan scan;
    protocol::FastCgiScan fastcgi;
    InputBuffer input;
    std::unique_ptr<BodyCollector> body;  // set when the body does not fit beside its head
    Output output;
    protocol::Endpoint peer;
    protocol::Endpoint local;  // what a PROXY header says the client connected to; empty: the listener
    bool is_https = false;     // a PROXY header said so
    Connection* next = nullptr;  // free list
};

}  // namespace vassal::worker
