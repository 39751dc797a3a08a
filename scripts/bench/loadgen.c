/* Load generator and target of the benchmark: one program, plain sockets, threads. Linux.
 *
 *   loadgen serve COUNT               listens on COUNT free ports, prints them, serves until standard input ends
 *   loadgen down|up|rtt PORT SECONDS  one stream, or a 64-byte ping-pong with the cores kept awake
 *   loadgen connect PORT SECONDS      connections that carry one byte each way, -threads N side by side
 *   loadgen idle PORT COUNT           opens connections and keeps them; each line on standard input has all of them answer
 *   loadgen stall PORT COUNT          readers that do not read, and writers to a target that does not read
 *
 * -request FILE sends the file's bytes first and expects -status 200 or 101; -frames speaks WebSocket after that.
 * Results are one JSON object a line. The first byte of a connection tells the target what to do.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BUFFER_BYTES = 256 * 1024,
    /* The target of an upload says so after every so many bytes. */
    RECEIPT_BYTES = 1024 * 1024,
    PING_BYTES = 64,
    MAX_FRAME_BYTES = 65535,
    MAX_THREADS = 64,
    PATIENCE_SECONDS = 15,
};

/* Not counted at the beginning of a stream: slow start, and buffers that grow. */
static const double WARM_SECONDS = 0.25;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static int send_all(int fd, const void *bytes, size_t count, int flags) {
    const char *next = bytes;
    while (count > 0) {
        ssize_t sent = send(fd, next, count, MSG_NOSIGNAL | flags);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return -1;
        next += sent;
        count -= (size_t)sent;
    }
    return 0;
}

static ssize_t receive(int fd, void *bytes, size_t count) {
    ssize_t got;
    do got = recv(fd, bytes, count, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

static int receive_all(int fd, void *bytes, size_t count) {
    char *next = bytes;
    while (count > 0) {
        ssize_t got = receive(fd, next, count);
        if (got <= 0) return -1;
        next += got;
        count -= (size_t)got;
    }
    return 0;
}

static void set_no_delay(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void start_thread(void *(*run)(void *), void *argument) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    if (pthread_create(&thread, &attributes, run, argument) != 0) fail("cannot start a thread");
    pthread_attr_destroy(&attributes);
}

/* The target. */

static int parked;

/* Connections that mostly say nothing: thousands of them, so they share one thread. */
static void *serve_parked(void *unused) {
    (void)unused;
    struct epoll_event events[256];
    char bytes[512];
    for (;;) {
        int count = epoll_wait(parked, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            ssize_t got = receive(fd, bytes, sizeof bytes);
            if (got <= 0 || send_all(fd, bytes, (size_t)got, 0) != 0) close(fd);
        }
    }
    return NULL;
}

static void park(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (send_all(fd, "i", 1, 0) != 0 || epoll_ctl(parked, EPOLL_CTL_ADD, fd, &event) != 0) close(fd);
}

static void take_upload(int fd, char *buffer) {
    size_t since_receipt = 0;
    ssize_t got;
    while ((got = receive(fd, buffer, BUFFER_BYTES)) > 0) {
        since_receipt += (size_t)got;
        for (; since_receipt >= RECEIPT_BYTES; since_receipt -= RECEIPT_BYTES)
            if (send_all(fd, "k", 1, 0) != 0) return;
    }
}

static void echo(int fd, char *buffer) {
    ssize_t got;
    while ((got = receive(fd, buffer, BUFFER_BYTES)) > 0)
        if (send_all(fd, buffer, (size_t)got, 0) != 0) return;
}

/* Counts the calls to let go of connections that are not read. */
static volatile int releases;

/* Reads nothing until the peer is gone altogether, or until somebody says that it is enough: what waits in a relay keeps
 * the peer's end from arriving. */
static void never_read(int fd) {
    struct pollfd wait = {.fd = fd, .events = POLLRDHUP};
    int known = releases;
    while (known == releases && poll(&wait, 1, 50) == 0) {}
}

static void *serve_connection(void *argument) {
    int fd = (int)(intptr_t)argument;
    char command, last;
    set_no_delay(fd);
    if (receive_all(fd, &command, 1) != 0) {
        close(fd);
        return NULL;
    }
    if (command == 'i') {
        park(fd);
        return NULL;
    }
    if (command == 'c') {
        if (send_all(fd, "c", 1, 0) == 0) receive(fd, &last, 1);
    } else {
        char *buffer = malloc(BUFFER_BYTES);
        if (buffer == NULL) fail("no memory");
        memset(buffer, 'd', BUFFER_BYTES);
        if (command == 'd') while (send_all(fd, buffer, BUFFER_BYTES, 0) == 0) {}
        else if (command == 'u') take_upload(fd, buffer);
        else if (command == 'e') echo(fd, buffer);
        else if (command == 's') never_read(fd);
        else if (command == 'r') releases++;
        free(buffer);
    }
    close(fd);
    return NULL;
}

static void *accept_all(void *argument) {
    int listener = (int)(intptr_t)argument;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) start_thread(serve_connection, (void *)(intptr_t)fd);
    }
    return NULL;
}

static void serve(int count) {
    parked = epoll_create1(0);
    start_thread(serve_parked, NULL);
    for (int i = 0; i < count; i++) {
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof address;
        if (bind(listener, (void *)&address, size) != 0 || listen(listener, 4096) != 0) fail("cannot listen");
        getsockname(listener, (void *)&address, &size);
        printf("%d\n", ntohs(address.sin_port));
        start_thread(accept_all, (void *)(intptr_t)listener);
    }
    fflush(stdout);
    char end;
    while (read(0, &end, 1) > 0) {}
}

/* The client's connection: plain, or behind a request, or in WebSocket frames. */

static struct {
    int port, threads, frames;
    const char *status;
    char *request;
    size_t request_bytes;
} options = {.threads = 1, .status = "200"};

typedef struct {
    int fd;
    /* Bytes of the current frame that are still to come. */
    uint64_t frame_rest;
} Stream;

static int ask(int fd) {
    char head[64] = {0};
    size_t length = 0;
    int line_ends = 0;
    if (send_all(fd, options.request, options.request_bytes, 0) != 0) return -1;
    while (line_ends < 4) {
        char byte;
        if (receive_all(fd, &byte, 1) != 0) return -1;
        if (length < sizeof head - 1) head[length++] = byte;
        line_ends = byte == "\r\n\r\n"[line_ends] ? line_ends + 1 : byte == '\r';
    }
    if (length > 12 && strncmp(head + 9, options.status, 3) == 0) return 0;
    head[strcspn(head, "\r\n")] = 0;
    fprintf(stderr, "refused: %s\n", head);
    return -1;
}

static int open_stream(Stream *stream) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    struct timeval patience = {PATIENCE_SECONDS, 0};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stream->frame_rest = 0;
    stream->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (stream->fd < 0) return -1;
    set_no_delay(stream->fd);
    setsockopt(stream->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(stream->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(stream->fd, (void *)&address, sizeof address) == 0 && (options.request == NULL || ask(stream->fd) == 0))
        return 0;
    close(stream->fd);
    return -1;
}

/* Frames are masked with zeros, which costs nothing: what is measured is the relay. */
static int send_frame(int fd, const char *bytes, size_t count) {
    unsigned char head[8] = {0x82};
    size_t length = 2;
    if (count < 126) {
        head[1] = (unsigned char)(0x80 | count);
    } else {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(count >> 8);
        head[3] = (unsigned char)count;
        length = 4;
    }
    length += 4;
    if (count > 256) return send_all(fd, head, length, MSG_MORE) != 0 ? -1 : send_all(fd, bytes, count, 0);
    char frame[8 + 256];
    memcpy(frame, head, length);
    memcpy(frame + length, bytes, count);
    return send_all(fd, frame, length + count, 0);
}

static int put(Stream *stream, const char *bytes, size_t count) {
    if (!options.frames) return send_all(stream->fd, bytes, count, 0);
    while (count > 0) {
        size_t part = count > MAX_FRAME_BYTES ? MAX_FRAME_BYTES : count;
        if (send_frame(stream->fd, bytes, part) != 0) return -1;
        bytes += part;
        count -= part;
    }
    return 0;
}

/* Reads the head of the next data frame; others are passed over. */
static int next_frame(Stream *stream) {
    while (stream->frame_rest == 0) {
        unsigned char head[2], longer[8], ignored[125];
        if (receive_all(stream->fd, head, 2) != 0) return -1;
        uint64_t length = head[1] & 0x7f;
        if (length == 126) {
            if (receive_all(stream->fd, longer, 2) != 0) return -1;
            length = (uint64_t)longer[0] << 8 | longer[1];
        } else if (length == 127) {
            if (receive_all(stream->fd, longer, 8) != 0) return -1;
            memcpy(&length, longer, 8);
            length = be64toh(length);
        }
        if ((head[0] & 0x0f) == 8) return -1;
        if ((head[0] & 0x08) == 0) stream->frame_rest = length;
        else if (receive_all(stream->fd, ignored, length) != 0) return -1;
    }
    return 0;
}

static ssize_t take(Stream *stream, char *bytes, size_t count) {
    if (!options.frames) return receive(stream->fd, bytes, count);
    if (next_frame(stream) != 0) return -1;
    ssize_t got = receive(stream->fd, bytes, count < stream->frame_rest ? count : stream->frame_rest);
    if (got > 0) stream->frame_rest -= (uint64_t)got;
    return got;
}

static int take_all(Stream *stream, char *bytes, size_t count) {
    while (count > 0) {
        ssize_t got = take(stream, bytes, count);
        if (got <= 0) return -1;
        bytes += got;
        count -= (size_t)got;
    }
    return 0;
}

static Stream begin(const char *command) {
    Stream stream;
    if (open_stream(&stream) != 0) fail("cannot connect");
    if (put(&stream, command, 1) != 0) fail("cannot send");
    return stream;
}

/* The measures. */

/* Counts bytes that arrive from the end of the warming on; each message of the peer stands for `weight` bytes. */
static void measure_arrivals(Stream *stream, double seconds, uint64_t weight) {
    char *buffer = malloc(BUFFER_BYTES);
    double start = now(), first = 0, last = 0;
    uint64_t counted = 0, total = 0;
    do {
        ssize_t got = take(stream, buffer, BUFFER_BYTES);
        if (got <= 0) fail("the stream ended");
        last = now();
        total += (uint64_t)got;
        if (first > 0) counted += (uint64_t)got;
        else if (last >= start + WARM_SECONDS) first = last;
    } while (last < start + WARM_SECONDS + seconds || counted == 0);
    printf("{\"bytesPerSecond\":%.0f,\"bytes\":%llu}\n", (double)(counted * weight) / (last - first),
           (unsigned long long)(total * weight));
    free(buffer);
}

static void measure_down(double seconds) {
    Stream stream = begin("d");
    measure_arrivals(&stream, seconds, 1);
    close(stream.fd);
}

static void *send_for_ever(void *argument) {
    Stream *stream = argument;
    char *buffer = malloc(BUFFER_BYTES);
    memset(buffer, 'u', BUFFER_BYTES);
    while (put(stream, buffer, BUFFER_BYTES) == 0) {}
    free(buffer);
    return NULL;
}

static void measure_up(double seconds) {
    Stream stream = begin("u");
    /* Its own frame state: one thread sends, the other one receives. */
    Stream sender = stream;
    pthread_t thread;
    if (pthread_create(&thread, NULL, send_for_ever, &sender) != 0) fail("cannot start a thread");
    measure_arrivals(&stream, seconds, RECEIPT_BYTES);
    shutdown(stream.fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(stream.fd);
}

static int by_size(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return a < b ? -1 : a > b;
}

static volatile int is_over;

/* Of the idle class: takes only what nobody else wants, and the core does not go to sleep. */
static void *stay_awake(void *unused) {
    struct sched_param parameters = {0};
    sched_setscheduler(0, SCHED_IDLE, &parameters);
    while (!is_over) {}
    return unused;
}

static void measure_round_trip(double seconds) {
    const size_t capacity = 2000000;
    double *times = malloc(capacity * sizeof *times);
    char ping[PING_BYTES], pong[PING_BYTES];
    size_t count = 0;
    for (long core = sysconf(_SC_NPROCESSORS_ONLN); core > 0; core--) start_thread(stay_awake, NULL);
    Stream stream = begin("e");
    memset(ping, 'p', PING_BYTES);
    double start = now(), end = start + WARM_SECONDS + seconds;
    for (double before = start; before < end && count < capacity;) {
        if (put(&stream, ping, PING_BYTES) != 0 || take_all(&stream, pong, PING_BYTES) != 0) fail("no answer");
        double after = now();
        if (before >= start + WARM_SECONDS) times[count++] = (after - before) * 1e6;
        before = after;
    }
    is_over = 1;
    close(stream.fd);
    if (count == 0) fail("no round trip was fast enough to be counted");
    qsort(times, count, sizeof *times, by_size);
    printf("{\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f,\"count\":%zu}\n", times[count / 2], times[count * 99 / 100],
           times[count - 1], count);
    free(times);
}

typedef struct {
    uint64_t done, failed;
    char apart[112];
} Tally;

static void *connect_for_ever(void *argument) {
    Tally *tally = argument;
    while (!is_over) {
        Stream stream;
        char answer;
        if (open_stream(&stream) != 0) {
            tally->failed++;
            usleep(1000);
            continue;
        }
        if (put(&stream, "c", 1) == 0 && take_all(&stream, &answer, 1) == 0 && answer == 'c') tally->done++;
        else tally->failed++;
        close(stream.fd);
    }
    return NULL;
}

static void measure_connects(double seconds) {
    static Tally tallies[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    uint64_t done = 0, failed = 0;
    double start = now();
    for (int i = 0; i < options.threads; i++) pthread_create(&threads[i], NULL, connect_for_ever, &tallies[i]);
    usleep((useconds_t)(seconds * 1e6));
    is_over = 1;
    for (int i = 0; i < options.threads; i++) {
        pthread_join(threads[i], NULL);
        done += tallies[i].done;
        failed += tallies[i].failed;
    }
    printf("{\"perSecond\":%.1f,\"done\":%llu,\"failed\":%llu}\n", (double)done / (now() - start),
           (unsigned long long)done, (unsigned long long)failed);
}

static int answers(Stream *stream) {
    char answer;
    return put(stream, "i", 1) == 0 && take_all(stream, &answer, 1) == 0 && answer == 'i';
}

static void keep_idle(int count) {
    Stream *streams = malloc((size_t)count * sizeof *streams);
    char line[64];
    int open = 0;
    while (open < count && open_stream(&streams[open]) == 0 && answers(&streams[open])) open++;
    printf("{\"open\":%d}\n", open);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        int alive = 0;
        for (int i = 0; i < open; i++) alive += answers(&streams[i]);
        printf("{\"alive\":%d}\n", alive);
        fflush(stdout);
    }
    free(streams);
}

static void *send_into_nothing(void *argument) {
    Stream *stream = argument;
    put(stream, "s", 1);
    return send_for_ever(stream);
}

static void stall(int count) {
    for (int i = 0; i < count; i++) {
        Stream *writer = malloc(sizeof *writer);
        begin("d");
        if (open_stream(writer) != 0) fail("cannot connect");
        start_thread(send_into_nothing, writer);
    }
    printf("{\"open\":%d}\n", 2 * count);
    fflush(stdout);
    char end;
    while (read(0, &end, 1) > 0) {}
    Stream release = begin("r");
    take(&release, &end, 1);
}

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    options.request = malloc(4096);
    if (file == NULL || options.request == NULL) fail("cannot read the request");
    options.request_bytes = fread(options.request, 1, 4096, file);
    fclose(file);
}

static void read_options(int count, char **words) {
    for (int i = 4; i < count; i++) {
        if (strcmp(words[i], "-frames") == 0) options.frames = 1;
        else if (i + 1 == count) break;
        else if (strcmp(words[i], "-request") == 0) read_request(words[++i]);
        else if (strcmp(words[i], "-status") == 0) options.status = words[++i];
        else if (strcmp(words[i], "-threads") == 0) options.threads = atoi(words[++i]);
    }
    if (options.threads < 1 || options.threads > MAX_THREADS) options.threads = 1;
}

/* As many descriptors as the system gives: thousands of connections are held at once. */
static void raise_limit(void) {
    struct rlimit limit = {65536, 65536};
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    raise_limit();
    const char *mode = count > 1 ? words[1] : "";
    if (strcmp(mode, "serve") == 0 && count == 3) {
        serve(atoi(words[2]));
        return 0;
    }
    if (count < 4) {
        fprintf(stderr, "usage: loadgen serve COUNT | loadgen MODE PORT SECONDS|COUNT [options]\n");
        return 2;
    }
    options.port = atoi(words[2]);
    read_options(count, words);
    if (strcmp(mode, "down") == 0) measure_down(atof(words[3]));
    else if (strcmp(mode, "up") == 0) measure_up(atof(words[3]));
    else if (strcmp(mode, "rtt") == 0) measure_round_trip(atof(words[3]));
    else if (strcmp(mode, "connect") == 0) measure_connects(atof(words[3]));
    else if (strcmp(mode, "idle") == 0) keep_idle(atoi(words[3]));
    else if (strcmp(mode, "stall") == 0) stall(atoi(words[3]));
    else return 2;
    return 0;
}
