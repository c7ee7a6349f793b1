/* The load generator: chat requests over keep-alive connections, one thread, every answer checked.
 *
 *   load <port> <connections> <seconds> <rate> <deadline_ms> <request file> <expected>
 *
 * rate 0: closed loop, every connection sends its next request when the last was answered.
 * rate > 0: open loop. Request i is due at start + i / rate and its latency counts from then,
 * whether or not a connection was free: a slow answer delays nobody's clock (no coordinated
 * omission). More connections are opened when all are busy, up to CONNECTIONS.
 *
 * deadline_ms > 0: open loop with clients that give up. What is not answered so long after it was due
 * counts as given up and its connection is closed. There are as many clients as connections: a request
 * that is due while all are busy is given up at once.
 *
 * An answer counts when its status is 200, its framing is whole and <expected> occurs in the body.
 * Prints one JSON object: completed, failed (wrong answers; without a deadline everything else too),
 * refused (429 and 503 with Retry-After), hasty (429 and 503 without), given_up, lost (the connection
 * broke or was not to be had), seconds, p50_us, p99_us, max_us, connections,
 * awake_us: how long it ran or waited for its core, so that the rest of the time it had nothing to
 * do; and lag_p99_us: how long after its due time a request left when a connection was free. A large lag
 * means that the generator, not the gateway, was the limit.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 8192, BUFFER = 16384, EVENTS = 512, DRAIN_S = 15, FAILURES_MAX = 10000,
       BATCH_US = 500 };

enum outcome { GOOD, WRONG, REFUSED, HASTY, GIVEN_UP, LOST, OUTCOMES };
enum state { CLOSED, BROKEN, CONNECTING, IDLE, HEAD, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };

struct connection {
    int fd;
    enum state state;
    long long due_us;   /* of the request under way; 0 when none waits for this connection */
    long long left;     /* bytes of the body or chunk still to come */
    int matched, found; /* progress in <expected> */
    int closes; /* the peer announced that it closes after this answer */
    int status, says_when; /* of the answer: its status, and whether it has Retry-After */
    unsigned serial;       /* of the request, so that its deadline finds no later one */
    int head_length, line_length;
    char head[4096];
};

struct samples_us {
    unsigned *values;
    size_t count, room;
};

/* A request on its way; all deadlines are equal, so the first that was due is the first to expire. */
struct waiting {
    long long due_us;
    int connection;
    unsigned serial;
};

static struct connection connections[CONNECTIONS];
static int idle[CONNECTIONS], idle_count, open_count;
static int connections_max;
static int spare[CONNECTIONS], spare_count; /* closed ones, opened again when they are needed */
static struct sockaddr_in address;
static char *request, *expected;
static int request_length, expected_length;
static int epoll;
static double rate;
static long long start_us, stop_us, scheduled_count, in_flight;
static long long deadline_us, outcomes[OUTCOMES];
static unsigned serials;
static struct samples_us latencies, lags;
/* Due requests that found every connection busy. */
static long long *backlog;
static size_t backlog_head, backlog_tail, backlog_room;
static struct waiting *waiting;
static size_t waiting_head, waiting_tail, waiting_room;

static long long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void die(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static void *grow(void *array, size_t used, size_t *room, size_t size) {
    if (used < *room) return array;
    *room = *room ? *room * 2 : 65536;
    array = realloc(array, *room * size);
    if (!array) die("out of memory");
    return array;
}

static void add(struct samples_us *samples, long long us) {
    samples->values = grow(samples->values, samples->count, &samples->room, sizeof *samples->values);
    samples->values[samples->count++] = (unsigned)us;
}

/* With a reset: thousands of closed connections that linger would use up the ports. */
static void disconnect(struct connection *c) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(c->fd);
    c->fd = 0;
    c->state = CLOSED;
}

static void connect_again(struct connection *c) {
    if (c->fd > 0) disconnect(c);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("no more sockets; raise `ulimit -n`");
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        die("the gateway refuses connections");
    c->state = CONNECTING;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void send_request(struct connection *c) {
    c->state = HEAD;
    c->head_length = c->matched = c->found = c->closes = c->status = 0;
    /* Far smaller than a socket's buffer: either all of it goes, or the peer is gone. */
    if (send(c->fd, request, request_length, MSG_NOSIGNAL) != request_length) c->state = BROKEN;
}

static void give(struct connection *c, long long due_us) {
    c->due_us = due_us;
    c->serial = ++serials;
    in_flight++;
    if (deadline_us) {
        waiting = grow(waiting, waiting_tail, &waiting_room, sizeof *waiting);
        waiting[waiting_tail++] = (struct waiting){due_us, (int)(c - connections), c->serial};
    }
    if (c->state == IDLE) send_request(c);
}

/* A connection has nothing under way: it takes the next request, or waits among the idle. */
static void become_idle(struct connection *c) {
    c->state = IDLE;
    long long now = now_us();
    if (rate == 0) {
        if (now < stop_us) give(c, now);
    } else if (backlog_head < backlog_tail) {
        give(c, backlog[backlog_head++]);
    } else {
        idle[idle_count++] = (int)(c - connections);
    }
}

static void finish(struct connection *c, enum outcome outcome) {
    outcomes[outcome]++;
    if (outcome == GOOD) add(&latencies, now_us() - c->due_us);
    else if (!deadline_us && outcomes[WRONG] + outcomes[LOST] + outcomes[REFUSED] > FAILURES_MAX)
        die("too many requests failed");
    in_flight--;
    c->due_us = 0;
}

static enum outcome outcome_of(const struct connection *c) {
    if (c->status == 200) return c->found ? GOOD : WRONG;
    if (c->status != 429 && c->status != 503) return WRONG;
    return c->says_when ? REFUSED : HASTY;
}

/* A connection is at its end. Clients that give up open the next one when they need it. */
static void replace(struct connection *c) {
    if (!deadline_us) {
        connect_again(c);
        return;
    }
    disconnect(c);
    spare[spare_count++] = (int)(c - connections);
}

/* The peer closed, or sent what is no HTTP. An idle connection may be closed at any time. */
static void lost(struct connection *c) {
    if (c->state == IDLE) {
        for (int i = 0; i < idle_count; i++)
            if (idle[i] == (int)(c - connections)) idle[i--] = idle[--idle_count];
    } else if (c->due_us) {
        finish(c, LOST);
    }
    replace(c);
}

static void give_up_what_is_late(void) {
    long long expired_us = now_us() - deadline_us;
    while (waiting_head < waiting_tail && waiting[waiting_head].due_us <= expired_us) {
        struct waiting late = waiting[waiting_head++];
        struct connection *c = &connections[late.connection];
        if (c->serial != late.serial || !c->due_us) continue; /* answered in time */
        finish(c, GIVEN_UP);
        replace(c);
    }
}

/* Enough for texts whose beginning does not occur in them a second time. */
static void match(struct connection *c, const char *data, int length) {
    for (int i = 0; i < length && !c->found; i++) {
        c->matched = data[i] == expected[c->matched] ? c->matched + 1 : data[i] == expected[0];
        c->found = c->matched == expected_length;
    }
}

/* After a whole head: 1 when the body follows as `state` says, 0 when this is no good answer. */
static int take_head(struct connection *c) {
    c->head[c->head_length] = 0;
    if (strncmp(c->head, "HTTP/1.1 ", 9)) return 0;
    c->status = atoi(c->head + 9);
    c->says_when = strcasestr(c->head, "\r\nretry-after:") != NULL;
    c->closes = strcasestr(c->head, "\r\nconnection: close") != NULL;
    char *length = strcasestr(c->head, "\r\ncontent-length:");
    if (length) {
        c->left = atoll(length + 17);
        c->state = LENGTH;
        return c->left > 0;
    }
    c->line_length = 0;
    c->left = 0;
    c->state = CHUNK_SIZE;
    return strcasestr(c->head, "\r\ntransfer-encoding: chunked") != NULL;
}

static int hex(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 32;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* How many bytes of `data` were used; -1 when the answer is broken. Sets IDLE when it is whole. */
static int take_bytes(struct connection *c, const char *data, int length) {
    int part;
    switch (c->state) {
    case HEAD:
        for (int i = 0; i < length; i++) {
            if (c->head_length >= (int)sizeof c->head - 1) return -1;
            c->head[c->head_length++] = data[i];
            if (c->head_length >= 4 && !memcmp(c->head + c->head_length - 4, "\r\n\r\n", 4))
                return take_head(c) ? i + 1 : -1;
        }
        return length;
    case LENGTH:
    case CHUNK_DATA:
        part = length < c->left ? length : (int)c->left;
        match(c, data, part);
        c->left -= part;
        if (!c->left) c->state = c->state == LENGTH ? IDLE : CHUNK_END;
        return part;
    case CHUNK_SIZE:
        if (data[0] == '\n') {
            c->state = c->left ? CHUNK_DATA : TRAILER;
            c->line_length = 0;
        } else if (data[0] != '\r') {
            if (hex(data[0]) < 0 || ++c->line_length > 8) return -1;
            c->left = c->left * 16 + hex(data[0]);
        }
        return 1;
    case CHUNK_END:
        if (data[0] == '\n') {
            c->state = CHUNK_SIZE;
            c->left = c->line_length = 0;
        }
        return 1;
    case TRAILER:
        if (data[0] == '\n' && !c->line_length) c->state = IDLE;
        else if (data[0] == '\n') c->line_length = 0;
        else if (data[0] != '\r') c->line_length++;
        return 1;
    default:
        return -1; /* bytes nobody asked for */
    }
}

static void readable(struct connection *c) {
    static char buffer[BUFFER];
    for (;;) {
        int got = (int)recv(c->fd, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            lost(c);
            return;
        }
        for (int used = 0; used < got;) {
            int step = take_bytes(c, buffer + used, got - used);
            if (step < 0) {
                lost(c);
                return;
            }
            used += step;
            if (c->state == IDLE) {
                finish(c, outcome_of(c));
                if (c->closes) {
                    replace(c);
                    return;
                }
                become_idle(c);
                break; /* no pipelining: nothing follows */
            }
        }
    }
}

/* 0 when the connection was refused; with clients that give up it is counted and tried again. */
static int connected(struct connection *c) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error && !deadline_us) die("the gateway refuses connections");
    if (!error) c->state = IDLE;
    return !error;
}

static void happened(struct connection *c, unsigned events) {
    if (c->state == CONNECTING && (events & (EPOLLOUT | EPOLLERR))) {
        if (!connected(c)) c->state = BROKEN;
        else if (c->due_us) send_request(c);
        else become_idle(c);
    }
    if (c->state > CONNECTING && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) readable(c);
    if (c->state == BROKEN) lost(c);
}

static void send_what_is_due(void) {
    long long now = now_us();
    for (;;) {
        long long due_us = start_us + (long long)((double)scheduled_count * 1e6 / rate);
        if (due_us > now || due_us >= stop_us) return;
        scheduled_count++;
        if (idle_count) {
            add(&lags, now_us() - due_us);
            give(&connections[idle[--idle_count]], due_us);
        } else if (spare_count || open_count < connections_max) {
            struct connection *c = &connections[spare_count ? spare[--spare_count] : open_count++];
            connect_again(c);
            give(c, due_us);
        } else if (deadline_us) {
            /* Waiting here in line would only send requests that are about to be given up. */
            outcomes[GIVEN_UP]++;
        } else {
            backlog = grow(backlog, backlog_tail, &backlog_room, sizeof *backlog);
            backlog[backlog_tail++] = due_us;
        }
    }
}

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die("cannot open the request file");
    request = malloc(65536);
    request_length = (int)fread(request, 1, 65536, file);
    fclose(file);
}

static int by_value(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static unsigned quantile_us(const struct samples_us *sorted, double share) {
    return sorted->count ? sorted->values[(size_t)(share * (double)(sorted->count - 1) + 0.5)] : 0;
}

static void sort(struct samples_us *samples) {
    if (samples->count) qsort(samples->values, samples->count, sizeof *samples->values, by_value);
}

static long long awake_us(void) {
    long long ran_ns = 0, waited_ns = 0;
    FILE *file = fopen("/proc/self/schedstat", "r");
    if (!file || fscanf(file, "%lld %lld", &ran_ns, &waited_ns) != 2)
        die("/proc/self/schedstat tells nothing; no head-room can be shown");
    fclose(file);
    return (ran_ns + waited_ns) / 1000;
}

static void wait_for_connections(struct epoll_event *events) {
    long long give_up_us = now_us() + DRAIN_S * 1000000LL;
    int ready = 0;
    while (ready < open_count && now_us() < give_up_us) {
        int count = epoll_wait(epoll, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->state == CONNECTING && (events[i].events & EPOLLOUT)) {
                connected(c);
                ready++;
            }
        }
    }
    if (ready < open_count) die("not all connections could be opened");
}

int main(int argc, char **argv) {
    if (argc != 8) {
        fprintf(stderr, "usage: load <port> <connections> <seconds> <rate> <deadline_ms> "
                        "<request file> <expected>\n");
        return 2;
    }
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((unsigned short)atoi(argv[1])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int wanted = atoi(argv[2]);
    double seconds = atof(argv[3]);
    rate = atof(argv[4]);
    deadline_us = atoll(argv[5]) * 1000;
    read_request(argv[6]);
    expected = argv[7];
    expected_length = (int)strlen(expected);
    if (wanted < 1 || wanted > CONNECTIONS) die("too many connections");
    connections_max = deadline_us ? wanted : CONNECTIONS;
    if (deadline_us && rate <= 0) die("only an open loop has deadlines: give a rate");

    struct epoll_event events[EVENTS];
    epoll = epoll_create1(0);
    while (open_count < wanted) connect_again(&connections[open_count++]);
    wait_for_connections(events);

    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event tick = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &tick);
    start_us = now_us();
    stop_us = start_us + (long long)(seconds * 1e6);
    for (int i = 0; i < open_count; i++) become_idle(&connections[i]);

    long long give_up_us = stop_us + DRAIN_S * 1000000LL;
    while (now_us() < stop_us || ((in_flight || backlog_head < backlog_tail) && now_us() < give_up_us)) {
        if (rate > 0) {
            send_what_is_due();
            long long next_us = start_us + (long long)((double)scheduled_count * 1e6 / rate);
            /* Waking for each request alone would cost this side more than the gateway pays for it. */
            if (deadline_us && next_us < now_us() + BATCH_US) next_us = now_us() + BATCH_US;
            struct itimerspec at = {.it_value = {next_us / 1000000, next_us % 1000000 * 1000}};
            if (next_us >= stop_us) at = (struct itimerspec){0}; /* nothing more to wake for */
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
        }
        long long left_ms = (stop_us - now_us()) / 1000 + 1;
        int wait_ms = deadline_us ? 5 : 100; /* a client that gives up does so in time */
        int count = epoll_wait(epoll, events, EVENTS, left_ms > 0 && left_ms < wait_ms ? (int)left_ms : wait_ms);
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr) happened(events[i].data.ptr, events[i].events);
        if (deadline_us) give_up_what_is_late();
    }
    double took_s = (double)(now_us() - start_us) / 1e6;
    sort(&latencies);
    sort(&lags);
    long long failed = outcomes[WRONG], unanswered = in_flight + (long long)(backlog_tail - backlog_head);
    if (deadline_us) outcomes[GIVEN_UP] += unanswered;
    else failed += outcomes[REFUSED] + outcomes[HASTY] + outcomes[LOST] + unanswered;
    printf("{\"completed\":%lld,\"failed\":%lld,\"refused\":%lld,\"hasty\":%lld,\"given_up\":%lld,"
           "\"lost\":%lld,\"seconds\":%.6f,\"p50_us\":%u,\"p99_us\":%u,"
           "\"max_us\":%u,\"connections\":%d,\"lag_p99_us\":%u,\"awake_us\":%lld}\n",
           outcomes[GOOD], failed, outcomes[REFUSED], outcomes[HASTY], outcomes[GIVEN_UP],
           outcomes[LOST], took_s,
           quantile_us(&latencies, 0.5), quantile_us(&latencies, 0.99),
           quantile_us(&latencies, 1.0), open_count, quantile_us(&lags, 0.99), awake_us());
    return 0;
}
