// SPDX-License-Identifier: Apache-2.0
// The load generator of tests/bench: a fixed number of requests, a fixed number of them at a time, each the bytes of a
// file. Prints one JSON object: requests, failed, seconds, its own processor time, latency percentiles in microseconds.
//   client once|keep|whole ADDRESS REQUEST-FILE REQUESTS CONNECTIONS
//     once   a connection per request, as nginx speaks to a uwsgi upstream: the answer ends with the stream
//     keep   HTTP/1.1 connections that are kept: the answer ends where its Content-Length says
//     whole  one connection after the other with blocking calls, for requests and answers of any size
//   ADDRESS  /path/of/a.sock or 127.0.0.1:8000
// Answers are taken in the order in which they become ready, many per poll: a client that is dearer than the server
// starves it, and a starved server's figures are those of going to sleep and waking up.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 256

struct connection {
    int fd;
    uint64_t started_ns;
    size_t received, expected;  // keep: of the current answer; expected is 0 until its head is there
    int is_good;
};

static struct sockaddr_storage address;
static socklen_t address_size;
static char* request;
static size_t request_size;
static char buffer[1 << 18];
static struct connection connections[MOST_CONNECTIONS];
static long total, started, done, failed;
static uint32_t* latency_us;

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void die(const char* what) {
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void parse_address(const char* text) {
    if (text[0] == '/') {
        struct sockaddr_un* unix_address = (struct sockaddr_un*)&address;
        unix_address->sun_family = AF_UNIX;
        snprintf(unix_address->sun_path, sizeof unix_address->sun_path, "%s", text);
        address_size = sizeof *unix_address;
        return;
    }
    struct sockaddr_in* inet_address = (struct sockaddr_in*)&address;
    char host[64];
    const char* colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host) die("address");
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    inet_address->sin_family = AF_INET;
    inet_address->sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &inet_address->sin_addr) != 1) die("address");
    address_size = sizeof *inet_address;
}

static void read_request(const char* path) {
    FILE* file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) die(path);
    request_size = (size_t)ftell(file);
    rewind(file);
    request = malloc(request_size + 1);
    if (!request || fread(request, 1, request_size, file) != request_size) die(path);
    fclose(file);
}

static int open_connection(void) {
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) die("socket");
    if (connect(fd, (struct sockaddr*)&address, address_size) < 0) die("connect");
    if (address.ss_family == AF_INET) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int send_request(struct connection* connection) {
    connection->started_ns = now_ns();
    connection->received = connection->expected = 0;
    connection->is_good = 0;
    ++started;
    size_t sent = 0;
    while (sent < request_size) {
        const ssize_t size = send(connection->fd, request + sent, request_size - sent, MSG_NOSIGNAL);
        if (size < 0) return 0;
        sent += (size_t)size;
    }
    return 1;
}

static void count_answer(const struct connection* connection, int is_good) {
    failed += !is_good;
    latency_us[done++] = (uint32_t)((now_ns() - connection->started_ns) / 1000);
}

static int has_status_200(size_t size) { return size >= 12 && memcmp(buffer + 8, " 200", 4) == 0; }

// ---- once: the server's close says that the answer is whole, so one recv has all of it.

static void run_once(int width) {
    struct pollfd ready[MOST_CONNECTIONS];
    for (int i = 0; i < width && started < total; ++i) {
        connections[i].fd = open_connection();
        if (!send_request(&connections[i])) die("send");
        ready[i] = (struct pollfd){.fd = connections[i].fd, .events = POLLRDHUP};
    }
    while (done < total) {
        if (poll(ready, (nfds_t)width, 60000) <= 0) die("no answer for a minute: poll");
        for (int i = 0; i < width; ++i) {
            if (ready[i].revents == 0) continue;
            struct connection* connection = &connections[i];
            const ssize_t size = recv(connection->fd, buffer, sizeof buffer, 0);
            count_answer(connection, size > 0 && has_status_200((size_t)size));
            close(connection->fd);
            ready[i].fd = -1;
            if (started >= total) continue;
            ready[i].fd = connection->fd = open_connection();
            if (!send_request(connection)) die("send");
        }
    }
}

// ---- keep: one epoll set; a connection that the server closes after a whole answer is opened again.

static void parse_head(struct connection* connection, size_t size) {
    buffer[size] = 0;
    const char* end = strstr(buffer, "\r\n\r\n");
    const char* length = strcasestr(buffer, "\r\ncontent-length:");
    if (!end || !length || length > end) die("an answer without a whole head and a length");
    connection->is_good = has_status_200(size);
    connection->expected = (size_t)(end + 4 - buffer) + strtoul(length + 17, NULL, 10);
}

static void watch(int epoll, struct connection* connection) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};
    connection->fd = open_connection();
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) die("epoll_ctl");
}

static void take_bytes(int epoll, struct connection* connection) {
    const ssize_t size = recv(connection->fd, buffer, sizeof buffer - 1, 0);
    if (size <= 0) {
        if (connection->started_ns == 0) return;
        count_answer(connection, 0);
        close(connection->fd);
        watch(epoll, connection);
    } else {
        if (connection->expected == 0) parse_head(connection, (size_t)size);
        connection->received += (size_t)size;
        if (connection->received < connection->expected) return;
        count_answer(connection, connection->is_good && connection->received == connection->expected);
    }
    connection->started_ns = 0;
    if (started < total && !send_request(connection)) die("send");
}

static void run_keep(int width) {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < width && started < total; ++i) {
        watch(epoll, &connections[i]);
        if (!send_request(&connections[i])) die("send");
    }
    struct epoll_event events[MOST_CONNECTIONS];
    while (done < total) {
        const int count = epoll_wait(epoll, events, MOST_CONNECTIONS, 60000);
        if (count <= 0) die("no answer for a minute: epoll_wait");
        for (int i = 0; i < count && done < total; ++i) take_bytes(epoll, events[i].data.ptr);
    }
}

// ---- whole

static void run_whole(void) {
    while (started < total) {
        struct connection connection = {.fd = open_connection()};
        int is_good = send_request(&connection);
        ssize_t size;
        while ((size = recv(connection.fd, buffer, sizeof buffer, 0)) > 0) {
            if (connection.received == 0) is_good &= has_status_200((size_t)size);
            connection.received += (size_t)size;
        }
        count_answer(&connection, is_good && size == 0 && connection.received > 0);
        close(connection.fd);
    }
}

static int compare(const void* left, const void* right) {
    const uint32_t a = *(const uint32_t*)left, b = *(const uint32_t*)right;
    return (a > b) - (a < b);
}

static double processor_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char** argv) {
    const int width = argc == 6 ? atoi(argv[5]) : 0;
    if (width < 1 || width > MOST_CONNECTIONS || (total = atol(argv[4])) < 1) {
        fprintf(stderr, "usage: client once|keep|whole ADDRESS REQUEST-FILE REQUESTS CONNECTIONS\n");
        return 2;
    }
    parse_address(argv[2]);
    read_request(argv[3]);
    latency_us = calloc((size_t)total, sizeof *latency_us);

    const uint64_t began = now_ns();
    if (strcmp(argv[1], "once") == 0) run_once(width < total ? width : (int)total);
    else if (strcmp(argv[1], "keep") == 0) run_keep(width);
    else run_whole();
    const double seconds = (double)(now_ns() - began) / 1e9;
    qsort(latency_us, (size_t)done, sizeof *latency_us, compare);
    printf("{\"requests\": %ld, \"failed\": %ld, \"seconds\": %.6f, \"client_cpu_s\": %.6f, \"p50_us\": %u, \"p90_us\": %u, "
           "\"p99_us\": %u, \"max_us\": %u}\n", done, failed, seconds, processor_seconds(), latency_us[done / 2],
           latency_us[done * 9 / 10], latency_us[done * 99 / 100], latency_us[done - 1]);
    return failed != 0;
}
