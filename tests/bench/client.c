// SPDX-License-Identifier: Apache-2.0
// The load generator of tests/bench: a fixed number of requests to a unix socket, one connection each, a fixed number
// of them at a time, as nginx speaks to a uwsgi upstream. Sends the bytes of a file, reads to the end of the stream,
// and prints one JSON object: requests, failed, seconds, latency percentiles in microseconds.
//   client SOCKET REQUEST-FILE REQUESTS CONNECTIONS
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct connection {
    int fd;
    uint64_t started_ns;
    size_t received;
    char head[16];
};

static struct sockaddr_un address;
static char* request;
static size_t request_size;
static int epoll_fd;

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
    connection->received = 0;
    connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) die("socket");
    if (connect(connection->fd, (struct sockaddr*)&address, sizeof address) < 0) return 0;
    if (send(connection->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) return 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) < 0) die("epoll_ctl");
    return 1;
}

// Reads what is there. 0: more to come, 1: complete with status 200, -1: failed.
static int advance(struct connection* connection) {
    char buffer[65536];
    ssize_t size = recv(connection->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN ? 0 : -1;
    if (size == 0) return connection->received >= 12 && memcmp(connection->head + 8, " 200", 4) == 0 ? 1 : -1;
    for (ssize_t i = 0; i < size && connection->received + (size_t)i < sizeof connection->head; ++i)
        connection->head[connection->received + (size_t)i] = buffer[i];
    connection->received += (size_t)size;
    return 0;
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
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    uint64_t began = now_ns();
    for (int i = 0; i < width && started < total; ++i) {
        ++started;
        if (!begin(&connections[i])) die("connect");
    }
    while (done < started) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll_fd, events, 64, 30000);
        if (count == 0) { fprintf(stderr, "client: no answer for 30 s\n"); return 1; }
        for (int i = 0; i < count; ++i) {
            struct connection* connection = events[i].data.ptr;
            int state = advance(connection);
            if (state == 0) continue;
            latency_us[done++] = (uint32_t)((now_ns() - connection->started_ns) / 1000);
            failed += state < 0;
            close(connection->fd);
            if (started < total) {
                ++started;
                if (!begin(connection)) die("connect");
            }
        }
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    qsort(latency_us, (size_t)done, sizeof *latency_us, compare);
    printf("{\"requests\": %ld, \"failed\": %ld, \"seconds\": %.6f, \"p50_us\": %u, \"p90_us\": %u, \"p99_us\": %u, "
           "\"max_us\": %u}\n", done, failed, seconds, latency_us[done / 2], latency_us[done * 9 / 10],
           latency_us[done * 99 / 100], latency_us[done - 1]);
    return failed != 0;
}
