/*
 * Random reads and writes through libiscsi, by any number of sessions, as many at once in each as asked, for a
 * time: what iscsi-perf does for reads of one session. Prints one JSON object.
 *
 *     iscsi-load INITIATOR URL [bytes=4096] [depth=32] [seconds=2] [writes=PERCENT] [sessions=1] [mib=FIRST_MIB]
 *
 * mib: only that much of the disk, from its front.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

enum { MAX_SAMPLES = 1 << 20 };

static unsigned bytes = 4096, depth = 32, seconds = 2, writes, sessions = 1, mib;

static const struct {
	const char *name;
	unsigned *value;
} OPTIONS[] = {
	{ "bytes", &bytes }, { "depth", &depth }, { "seconds", &seconds }, { "writes", &writes },
	{ "sessions", &sessions }, { "mib", &mib },
};

struct session {
	struct iscsi_context *iscsi;
	int lun;
	uint32_t block_bytes;
	uint64_t places; /* where an I/O may begin, in I/Os */
	unsigned outstanding;
	uint64_t done;
};

struct one {
	struct session *session;
	double began;
	int is_write;
};

static uint64_t random_state = 88172645463325252ULL;
static unsigned char *data;
static int running = 1;
static uint64_t reads_done, writes_done, samples;
static uint32_t *latencies_us;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(struct session *session, const char *what)
{
	fprintf(stderr, "iscsi-load: %s: %s\n", what, iscsi_get_error(session->iscsi));
	exit(1);
}

/* xorshift64*: the same places in every run. */
static uint64_t next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 2685821657736338717ULL;
}

static void issue(struct one *one);

static void ended(struct iscsi_context *iscsi, int status, void *task, void *private_data)
{
	struct one *one = private_data;
	(void)iscsi;

	if (status != SCSI_STATUS_GOOD)
		fail(one->session, "a command failed");
	scsi_free_scsi_task(task);
	one->session->outstanding--;
	one->session->done++;
	if (one->is_write)
		writes_done++;
	else
		reads_done++;
	latencies_us[samples++ % MAX_SAMPLES] = (uint32_t)((now() - one->began) * 1e6);
	if (running)
		issue(one);
}

static void issue(struct one *one)
{
	struct session *s = one->session;
	uint64_t lba = next_random() % s->places * (bytes / s->block_bytes);
	struct scsi_task *task;

	one->is_write = next_random() % 100 < writes;
	one->began = now();
	task = one->is_write
		? iscsi_write16_task(s->iscsi, s->lun, lba, data, bytes, s->block_bytes, 0, 0, 0, 0, 0, ended, one)
		: iscsi_read16_task(s->iscsi, s->lun, lba, bytes, s->block_bytes, 0, 0, 0, 0, 0, ended, one);
	if (task == NULL)
		fail(s, "a command could not be sent");
	s->outstanding++;
}

static void log_in(struct session *s, const char *initiator, const char *url_text, unsigned at)
{
	struct iscsi_url *url;
	struct scsi_task *task;
	struct scsi_readcapacity16 *capacity;
	uint64_t size;

	s->iscsi = iscsi_create_context(initiator);
	iscsi_set_isid_random(s->iscsi, (uint32_t)getpid() & 0xffffff, at & 0xffff);
	url = iscsi_parse_full_url(s->iscsi, url_text);
	if (url == NULL)
		fail(s, "the URL");
	iscsi_set_targetname(s->iscsi, url->target);
	iscsi_set_session_type(s->iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_header_digest(s->iscsi, ISCSI_HEADER_DIGEST_NONE);
	if (iscsi_full_connect_sync(s->iscsi, url->portal, url->lun) != 0)
		fail(s, "login");
	s->lun = url->lun;
	task = iscsi_readcapacity16_sync(s->iscsi, s->lun);
	if (task == NULL || task->status != SCSI_STATUS_GOOD || !(capacity = scsi_datain_unmarshall(task)))
		fail(s, "READ CAPACITY");
	s->block_bytes = capacity->block_length;
	size = (capacity->returned_lba + 1) * s->block_bytes;
	if (mib != 0 && size > (uint64_t)mib << 20)
		size = (uint64_t)mib << 20;
	s->places = size / bytes;
	scsi_free_scsi_task(task);
	iscsi_destroy_url(url);
}

/* Every session whose socket is ready, until all have ended. */
static void serve(struct session *all, struct pollfd *fds)
{
	unsigned i;

	for (i = 0; i < sessions; i++) {
		fds[i].fd = iscsi_get_fd(all[i].iscsi);
		fds[i].events = (short)iscsi_which_events(all[i].iscsi);
	}
	if (poll(fds, sessions, 1000) < 0 && errno != EINTR)
		fail(all, "poll");
	for (i = 0; i < sessions; i++)
		if (fds[i].revents != 0 && iscsi_service(all[i].iscsi, fds[i].revents) < 0)
			fail(&all[i], "the session broke");
}

static unsigned outstanding(const struct session *all)
{
	unsigned i, sum = 0;
	for (i = 0; i < sessions; i++)
		sum += all[i].outstanding;
	return sum;
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void report(const struct session *all, double took)
{
	uint64_t slowest = all[0].done;
	unsigned i;

	for (i = 1; i < sessions; i++)
		if (all[i].done < slowest)
			slowest = all[i].done;
	if (samples > MAX_SAMPLES)
		samples = MAX_SAMPLES;
	qsort(latencies_us, samples, sizeof(uint32_t), ascending);
	printf("{\"reads\":%llu,\"writes\":%llu,\"seconds\":%.6f,\"slowestSession\":%llu,"
	       "\"p50Us\":%u,\"p99Us\":%u,\"maxUs\":%u}\n",
	       (unsigned long long)reads_done, (unsigned long long)writes_done, took, (unsigned long long)slowest,
	       latencies_us[samples / 2], latencies_us[samples * 99 / 100], latencies_us[samples - 1]);
}

static void read_options(int argc, char **argv)
{
	int i;
	size_t o;

	for (i = 3; i < argc; i++) {
		for (o = 0; o < sizeof(OPTIONS) / sizeof(*OPTIONS); o++) {
			size_t length = strlen(OPTIONS[o].name);
			if (strncmp(argv[i], OPTIONS[o].name, length) == 0 && argv[i][length] == '=') {
				*OPTIONS[o].value = (unsigned)strtoul(argv[i] + length + 1, NULL, 10);
				break;
			}
		}
		if (o == sizeof(OPTIONS) / sizeof(*OPTIONS)) {
			fprintf(stderr, "iscsi-load: no such option: %s\n", argv[i]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct session *all;
	struct pollfd *fds;
	struct one *ones;
	double began, took;
	unsigned i;

	if (argc < 3) {
		fprintf(stderr, "usage: iscsi-load INITIATOR URL [OPTION=NUMBER]...\n");
		return 2;
	}
	read_options(argc, argv);
	all = calloc(sessions, sizeof(*all));
	fds = calloc(sessions, sizeof(*fds));
	ones = calloc((size_t)sessions * depth, sizeof(*ones));
	data = malloc(bytes);
	latencies_us = malloc(sizeof(uint32_t) * MAX_SAMPLES);
	memset(data, 0xa5, bytes);
	for (i = 0; i < sessions; i++)
		log_in(&all[i], argv[1], argv[2], i);
	began = now();
	for (i = 0; i < sessions * depth; i++) {
		ones[i].session = &all[i / depth];
		issue(&ones[i]);
	}
	while (outstanding(all) > 0) {
		serve(all, fds);
		if (running && now() - began >= seconds)
			running = 0;
	}
	took = now() - began;
	report(all, took);
	for (i = 0; i < sessions; i++) {
		iscsi_logout_sync(all[i].iscsi);
		iscsi_destroy_context(all[i].iscsi);
	}
	return 0;
}
