// SPDX-License-Identifier: Apache-2.0
// The seam between the worker (sockets, codecs, threads) and what answers requests (the Python bridge; in tests a few
// lines of C++). The worker knows no Python, the bridge knows no socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vassal::app {

class Host;  // vassal/app/host.h

// One CGI variable: REQUEST_METHOD, HTTP_HOST… Keys are in CGI form whatever the protocol, each key once.
struct Param {
    std::string_view key;
    std::string_view value;
};

// Why a BodyStream gives no more.
enum class BodyEnd {
    none,         // it may give more
    complete,     // the whole body was read
    client_gone,  // the client left before the end of it
    timed_out,    // the client was silent for timeouts.body
    too_large,    // longer than limits.body
    malformed,    // the client breaks the rules of its protocol
    answered,     // the response has ended; what was not read then is lost
};

// A request body that is read while the app runs (`stream_body`). Valid until serve() returns.
class BodyStream {
public:
    virtual ~BodyStream() = default;

    // Waits until there is at least one byte, without the interpreter lock, which the caller holds. 0: no more comes,
    // and end() says why. By one thread at a time.
    [[nodiscard]] virtual std::size_t read(char* to, std::size_t size) = 0;
    [[nodiscard]] virtual BodyEnd end() const noexcept = 0;
    // Ends a read() in which another thread waits.
    virtual void cancel() noexcept = 0;
};

// A request body. Whole, collected before the app is called: in memory, or in a temporary file when it is large. Or a
// stream that is yet to come.
struct Body {
    std::string_view memory;  // all of it when file < 0 and there is no stream
    int file = -1;            // borrowed; contents start at offset 0
    std::uint64_t size = 0;   // UINT64_MAX: a stream whose end is not known
    BodyStream* stream = nullptr;
};

// Views into the connection's buffer; valid until serve() returns.
struct Request {
    std::span<const Param> params;  // always has REQUEST_METHOD, PATH_INFO, QUERY_STRING, SERVER_PROTOCOL, SCRIPT_NAME
    std::string_view method;
    std::string_view url_scheme;  // "http" or "https"
    int listener = 0;             // index in config.listen
    std::string_view request_id;  // [A-Za-z0-9._-]{1,64}: a trusted front end's X-Request-ID, else 16 hex digits
    Body body;
};

// What keeps bytes of the application alive. Both calls need the interpreter lock.
struct Hold {
    void* owner = nullptr;
    void (*keep)(void*) noexcept = nullptr;
    void (*let_go)(void*) noexcept = nullptr;
};

// Smaller chunks are cheaper to copy than to hold.
inline constexpr std::size_t worth_holding = 64 * 1024;

enum class Sent { ok, client_gone };  // client_gone: stop iterating, call close(), no noise

// Writes one response in the protocol of the connection. Implemented by vassal/worker; used by one thread.
// Order: start, header*, then write* and one of finish / finish_file / abort. Names and values were checked by the
// caller (no CR, LF, NUL; latin-1 bytes). For HEAD, 1xx, 204 and 304 the sink drops body bytes by itself.
// While a call may wait for the client it releases the interpreter lock through Application::release/acquire.
class Response {
public:
    virtual ~Response() = default;

    // `status` as in WSGI: "200 OK". Calling it again before any byte was sent discards the former head.
    virtual void start(std::string_view status) = 0;
    virtual void header(std::string_view name, std::string_view value) = 0;
    [[nodiscard]] virtual bool has_started() const noexcept = 0;    // start() was called
    [[nodiscard]] virtual bool head_was_sent() const noexcept = 0;  // bytes are on the wire: the status is final
    // Sends the head if it is not sent, then the chunk; flushes. An empty chunk sends nothing, not even the head.
    [[nodiscard]] virtual Sent write(std::string_view chunk) = 0;
    // The last chunk: head and chunk leave in one call; what the client does not take at once is finished by the
    // reactor while the thread goes on. With exactly one chunk the sink may add Content-Length where the app set none.
    virtual void finish(std::span<const std::string_view> chunks) = 0;
    // The same for one large chunk, which need not be copied for a client that does not take it at once: it is kept,
    // and let go when it is sent or the client has gone.
    virtual void finish_held(std::string_view chunk, const Hold& /*hold*/) { finish({&chunk, 1}); }
    // The last part is `count` bytes of a regular file from `offset` (sendfile). The fd is duplicated if needed longer.
    virtual void finish_file(int fd, std::uint64_t offset, std::uint64_t count) = 0;
    // Something broke after the head was sent: end the connection so that the client can see that it is incomplete.
    virtual void abort() = 0;
    // The app raised or broke the protocol: counted as an exception in the scoreboard.
    virtual void note_exception() noexcept = 0;
    // The same for people; the texts are in the log already.
    virtual void explain_exception(std::string_view /*what*/, std::string_view /*traceback*/) {}
    // A field for this request's record in the access log; the last value of a name counts. Bytes as they are: the log
    // escapes them. Bounded: long ones are cut, and what is too much is left out. Nothing happens when the log is off.
    virtual void log_field(std::string_view name, std::string_view value) noexcept = 0;
};

// One per worker process. serve() is called by worker threads with the interpreter lock held.
class Application {
public:
    virtual ~Application() = default;

    // Bracket the life of a thread that will call serve(); the calling thread holds the lock between the two.
    virtual void enter_thread() = 0;
    virtual void leave_thread() = 0;

    // The interpreter lock around every wait.
    virtual void release() noexcept = 0;
    virtual void acquire() noexcept = 0;

    // What the app may ask of its worker from now on; null: nothing any more. Called with the lock held, first when the
    // worker is about to say that it is ready.
    virtual void attach(Host* /*host*/) noexcept {}

    // For the signal handlers of the worker: in the interrupted thread, without lock, heap or stdio.
    // Writes where the app's threads are to a descriptor.
    virtual void dump_tracebacks(int fd) const noexcept = 0;
    // The same of the interrupted thread alone.
    virtual void dump_own_traceback(int /*fd*/) const noexcept {}
    // Whether the calling thread holds the interpreter lock at this very moment, whatever the app did with it.
    [[nodiscard]] virtual bool holds_lock() const noexcept = 0;

    // Runs the app for one request. Every path ends in finish, finish_file or abort. Never throws.
    virtual void serve(const Request& request, Response& response) noexcept = 0;
};

}  // namespace vassal::app
