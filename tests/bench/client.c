// SPDX-License-Identifier: Apache-2.0
// The load generator of tests/bench: a fixed number of requests to a unix socket, one connection each, a fixed number
// of them at a time, as nginx speaks to a uwsgi upstream. Sends the bytes of a file, reads to the end of the stream,
// and prints one JSON object: requests, failed, seconds, latency percentiles in microseconds. Answers are awaited in the
// order of the requests, with as few calls as possible: a client dearer than the server would starve it, and a starved
// server's figures are those of going to sleep and waking up.
//   client SOCKET REQUEST-FILE REQUESTS CONNECTIONS
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct connection {
    int fd;
    uint64_t started_ns;
};

static struct sockaddr_un address;
static char* request;
static size_t request_size;

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void die(const char* what) {
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    exit(1);
}

// Connects and sends at once: both fit a unix socket's buffers, so a blocking connection never waits here.
static int begin(struct connection* connection) {
    connection->started_ns = now_ns();
    connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) die("socket");
    if (connect(connection->fd, (struct sockaddr*)&address, sizeof address) < 0) return 0;
    return send(connection->fd, request, request_size, MSG_NOSIGNAL) == (ssize_t)request_size;
}

// Reads to the end of the stream; true when the answer has status 200. One call for an answer that fits the buffer.
static int finish(struct connection* connection) {
    static char buffer[65536];
    char head[16] = {0};
    size_t received = 0;
    ssize_t size;
    while ((size = recv(connection->fd, buffer, sizeof buffer, MSG_WAITALL)) > 0) {
        if (received == 0) memcpy(head, buffer, (size_t)size < sizeof head ? (size_t)size : sizeof head);
        received += (size_t)size;
        if ((size_t)size < sizeof buffer) break;  // MSG_WAITALL: short means the end of the stream
    }
    close(connection->fd);
    return size >= 0 && received >= 12 && memcmp(head + 8, " 200", 4) == 0;
}

static void read_request(const char* path) {
    FILE* file = fopen(path, "rb");
    if (!file) die(path);
    request = malloc(65536 + 4);
    request_size = fread(request, 1, 65536 + 4, file);
    fclose(file);
}

static int compare(const void* left, const void* right) {
    uint32_t a = *(const uint32_t*)left, b = *(const uint32_t*)right;
    return (a > b) - (a < b);
}

int main(int argc, char** argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: client SOCKET REQUEST-FILE REQUESTS CONNECTIONS\n");
        return 2;
    }
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    read_request(argv[2]);
    long total = atol(argv[3]), started = 0, done = 0, failed = 0;
    int width = atoi(argv[4]);
    struct connection* connections = calloc((size_t)width, sizeof *connections);
    uint32_t* latency_us = calloc((size_t)total + 1, sizeof *latency_us);

    uint64_t began = now_ns();
    for (; started < width && started < total; ++started)
        if (!begin(&connections[started])) die("connect");
    for (; done < started; ++done) {
        struct connection* connection = &connections[done % width];
        failed += !finish(connection);
        latency_us[done] = (uint32_t)((now_ns() - connection->started_ns) / 1000);
        if (started < total) {
            ++started;
            if (!begin(connection)) die("connect");
        }
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    qsort(latency_us, (size_t)done, sizeof *latency_us, compare);
    printf("{\"requests\": %ld, \"failed\": %ld, \"seconds\": %.6f, \"p50_us\": %u, \"p90_us\": %u, \"p99_us\": %u, "
           "\"max_us\": %u}\n", done, failed, seconds, latency_us[done / 2], latency_us[done * 9 / 10],
           latency_us[done * 99 / 100], latency_us[done - 1]);
    return failed != 0;
}
