/* The provider behind every measured gateway: answers chat completions at C speed, one thread.
 *
 *   upstream <port> <chunks> <gap_ms>
 *
 * A body with "stream": true gets <chunks> server-sent events and [DONE], one write each, at least
 * <gap_ms> apart: a real model never sends two tokens in one packet, and a gateway that may read
 * several at once looks cheaper than it is. Where the body asks "include_usage": true, one more
 * event tells the usage. Every other POST gets one JSON answer; a GET gets the number of POSTs
 * answered so far, so that nobody passes off a cached answer or pays for a hidden retry.
 * It understands what gateways send on loopback, no more: HTTP/1.1, Content-Length or chunked bodies
 * up to BUFFER bytes, no pipelining.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 16384, CONNECTIONS = 16384, EVENTS = 512 };

struct connection {
    int sent;      /* events of the stream already written */
    int events;    /* events this stream has before [DONE] */
    int streaming;
    int serial;    /* tells a reused descriptor from the one a queued event was meant for */
    int length;
    char buffer[BUFFER];
};

/* All gaps are equal, so first in is first due: a ring is the whole timer. */
struct due {
    long long at_us;
    int fd, serial;
};

static struct connection *connections[CONNECTIONS];
static struct due ring[CONNECTIONS];
static unsigned ring_head, ring_tail;
static int chunk_count, gap_ms, serials;
static long long answered;
static char json_answer[2048];
static int json_answer_length;

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";

static const char USAGE_EVENT[] =
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
    "\"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":20,"
    "\"total_tokens\":140}}\n\n";

static long long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void forget(int fd) {
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

/* Answers are far smaller than a socket's buffer: a short write means the peer is gone. */
static int put(int fd, const char *data, int length) {
    return send(fd, data, length, MSG_NOSIGNAL) == length;
}

static int put_chunk(int fd, const char *event) {
    char chunk[1024];
    int length = snprintf(chunk, sizeof chunk, "%zx\r\n%s\r\n", strlen(event), event);
    return put(fd, chunk, length);
}

static int put_next_event(int fd, struct connection *c) {
    char event[768];
    if (c->sent == c->events) {
        c->streaming = 0;
        return put(fd, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", 24);
    }
    if (c->sent == chunk_count) {
        c->sent++;
        return put_chunk(fd, USAGE_EVENT);
    }
    snprintf(event, sizeof event,
             "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
             "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\" word%d\"},"
             "\"finish_reason\":%s}]}\n\n",
             c->sent ? "" : "\"role\":\"assistant\",", c->sent,
             c->sent == chunk_count - 1 ? "\"stop\"" : "null");
    c->sent++;
    return put_chunk(fd, event);
}

static void queue_event(int fd, struct connection *c) {
    ring[ring_tail++ % CONNECTIONS] = (struct due){now_us() + gap_ms * 1000, fd, c->serial};
}

static int has_true(const char *body, const char *field) {
    char dense[64], spaced[64];
    snprintf(dense, sizeof dense, "\"%s\":true", field);
    snprintf(spaced, sizeof spaced, "\"%s\": true", field);
    return strstr(body, dense) || strstr(body, spaced);
}

static int tell_count(int fd) {
    char count[24], reply[128];
    int digits = snprintf(count, sizeof count, "%lld", answered);
    int length = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
                          digits, count);
    return put(fd, reply, length);
}

static int answer(int fd, struct connection *c, const char *body) {
    if (!strncmp(c->buffer, "GET ", 4)) return tell_count(fd);
    answered++;
    if (!has_true(body, "stream")) return put(fd, json_answer, json_answer_length);
    c->streaming = 1;
    c->sent = 0;
    c->events = chunk_count + has_true(body, "include_usage");
    if (!put(fd, STREAM_HEAD, sizeof STREAM_HEAD - 1)) return 0;
    queue_event(fd, c);
    return 1;
}

/* 1: answered or waiting for more; 0: close. */
static int take_request(int fd, struct connection *c) {
    c->buffer[c->length] = 0;
    char *end = strstr(c->buffer, "\r\n\r\n");
    if (!end) return c->length < BUFFER - 1;
    *end = 0;
    char *length_header = strcasestr(c->buffer, "\r\ncontent-length:");
    int is_chunked = strcasestr(c->buffer, "\r\ntransfer-encoding:") != NULL;
    *end = '\r';
    char *body = end + 4;
    int expected = length_header ? atoi(length_header + 17) : 0;
    int have = c->length - (int)(body - c->buffer);
    int is_whole = is_chunked ? strstr(end, "\r\n0\r\n\r\n") != NULL : have >= expected;
    if (!is_whole) return c->length < BUFFER - 1;
    c->length = 0;
    return answer(fd, c, body);
}

static void readable(int fd) {
    struct connection *c = connections[fd];
    int got = (int)recv(fd, c->buffer + c->length, BUFFER - 1 - c->length, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        forget(fd);
        return;
    }
    c->length += got;
    if (!take_request(fd, c)) forget(fd);
}

static void accept_all(int listener, int epoll) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) return;
        if (fd >= CONNECTIONS) {
            close(fd);
            continue;
        }
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connections[fd] = calloc(1, sizeof(struct connection));
        connections[fd]->serial = ++serials;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void send_due_events(void) {
    long long now = now_us();
    while (ring_head != ring_tail && ring[ring_head % CONNECTIONS].at_us <= now) {
        struct due due = ring[ring_head++ % CONNECTIONS];
        struct connection *c = connections[due.fd];
        if (!c || c->serial != due.serial) continue; /* the client went away */
        if (!put_next_event(due.fd, c)) forget(due.fd);
        else if (c->streaming) queue_event(due.fd, c);
    }
}

static int wait_ms(void) {
    if (ring_head == ring_tail) return -1;
    long long left_us = ring[ring_head % CONNECTIONS].at_us - now_us();
    return left_us <= 0 ? 0 : (int)((left_us + 999) / 1000);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: upstream <port> <chunks> <gap_ms>\n");
        return 2;
    }
    chunk_count = atoi(argv[2]);
    gap_ms = atoi(argv[3]);
    const char *body =
        "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"A load balancer spreads "
        "requests over several servers, notices the ones that fail, and keeps the rest busy.\"},"
        "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":120,"
        "\"completion_tokens\":20,\"total_tokens\":140},\"system_fingerprint\":\"fp_bench\"}";
    json_answer_length = snprintf(json_answer, sizeof json_answer,
                                  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                  "Content-Length: %zu\r\n\r\n%s",
                                  strlen(body), body);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("upstream: listen");
        return 1;
    }
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, wait_ms());
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) accept_all(listener, epoll);
            else if (connections[events[i].data.fd]) readable(events[i].data.fd);
        }
        send_due_events();
    }
}
