// SPDX-License-Identifier: Apache-2.0
// The floors of tests/bench. What is measured of a server above them is the server's own; below them nobody can get with
// these calls.
//   loop once ADDRESS   accept, one recv, one send of a constant answer, close
//   loop keep ADDRESS   connections that are kept: epoll_wait for all, one recv and one send for each request
//   ADDRESS  /path/of/a.sock or a port of 127.0.0.1
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nHello world\n";
static char buffer[65536];

static int listen_at(const char* where) {
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in inet = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int is_unix = where[0] == '/', on = 1;
    snprintf(local.sun_path, sizeof local.sun_path, "%s", where);
    inet.sin_port = htons((uint16_t)atoi(where));
    const int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const struct sockaddr* address = is_unix ? (struct sockaddr*)&local : (struct sockaddr*)&inet;
    if (bind(fd, address, is_unix ? sizeof local : sizeof inet) < 0 || listen(fd, 1024) < 0) {
        perror("loop");
        exit(1);
    }
    return fd;
}

static void once(int listener) {
    for (;;) {
        const int client = accept4(listener, 0, 0, SOCK_CLOEXEC);
        if (client < 0) continue;
        if (recv(client, buffer, sizeof buffer, 0) > 0) (void)!send(client, answer, sizeof answer - 1, MSG_NOSIGNAL);
        close(client);
    }
}

static void keep(int listener) {
    const int epoll = epoll_create1(EPOLL_CLOEXEC), on = 1;
    struct epoll_event events[64], event = {.events = EPOLLIN, .data = {.fd = listener}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        const int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[i].data.fd;
            if (fd == listener) {
                event.data.fd = accept4(listener, 0, 0, SOCK_CLOEXEC);
                setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
            } else if (recv(fd, buffer, sizeof buffer, 0) <= 0 || send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) {
                close(fd);
            }
        }
    }
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const int listener = listen_at(argv[2]);
    if (strcmp(argv[1], "keep") == 0) keep(listener);
    once(listener);
}
