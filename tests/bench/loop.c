// SPDX-License-Identifier: Apache-2.0
// The floor of tests/bench: accept, one recv, one send of a constant answer, close. What is measured of a server above
// this is the server's own; below it nobody can get with these calls.
//   loop SOCKET
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nHello world\n";

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr*)&address, sizeof address) < 0 || listen(listener, 1024) < 0) {
        perror("loop");
        return 1;
    }
    for (;;) {
        char buffer[65536];
        int client = accept4(listener, 0, 0, SOCK_CLOEXEC);
        if (client < 0) continue;
        if (recv(client, buffer, sizeof buffer, 0) > 0) (void)!send(client, answer, sizeof answer - 1, MSG_NOSIGNAL);
        close(client);
    }
}
