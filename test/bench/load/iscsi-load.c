/*
 * Random reads and writes through libiscsi, as many at once as asked, for a time: what iscsi-perf does for
 * reads, for writes and mixtures too. Prints one JSON object.
 *
 *     iscsi-load INITIATOR URL BYTES DEPTH SECONDS WRITE_PERCENT DIGESTS
 *
 * DIGESTS is 0 or 1: header digests, which are all that libiscsi 1.19 knows.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

enum { MAX_SAMPLES = 1 << 20 };

struct load {
	struct iscsi_context *iscsi;
	int lun;
	uint32_t blocks;     /* of one I/O */
	uint64_t places;     /* where one may begin, in I/Os */
	uint32_t block_bytes;
	unsigned write_percent;
	uint64_t random;
	unsigned char *data;
	int running;
	int outstanding;
	uint64_t reads, writes;
	uint32_t *latencies_us;
	uint64_t samples;
};

struct one {
	struct load *load;
	double began;
	int is_write;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(struct load *load, const char *what)
{
	fprintf(stderr, "iscsi-load: %s: %s\n", what, iscsi_get_error(load->iscsi));
	exit(1);
}

/* xorshift64*: the same places in every run. */
static uint64_t next_random(struct load *load)
{
	uint64_t x = load->random;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	load->random = x;
	return x * 2685821657736338717ULL;
}

static void issue(struct one *one);

static void done(struct iscsi_context *iscsi, int status, void *command_data, void *private_data)
{
	struct one *one = private_data;
	struct load *load = one->load;
	(void)iscsi;

	if (status != SCSI_STATUS_GOOD)
		fail(load, "a command failed");
	scsi_free_scsi_task(command_data);
	load->outstanding--;
	if (one->is_write)
		load->writes++;
	else
		load->reads++;
	load->latencies_us[load->samples++ % MAX_SAMPLES] = (uint32_t)((now() - one->began) * 1e6);
	if (load->running)
		issue(one);
}

static void issue(struct one *one)
{
	struct load *load = one->load;
	uint64_t lba = next_random(load) % load->places * load->blocks;
	uint32_t bytes = load->blocks * load->block_bytes;
	struct scsi_task *task;

	one->is_write = next_random(load) % 100 < load->write_percent;
	one->began = now();
	task = one->is_write
		? iscsi_write16_task(load->iscsi, load->lun, lba, load->data, bytes, load->block_bytes, 0, 0, 0, 0, 0, done, one)
		: iscsi_read16_task(load->iscsi, load->lun, lba, bytes, load->block_bytes, 0, 0, 0, 0, 0, done, one);
	if (task == NULL)
		fail(load, "a command could not be sent");
	load->outstanding++;
}

static void serve(struct load *load)
{
	struct pollfd fd = { iscsi_get_fd(load->iscsi), (short)iscsi_which_events(load->iscsi), 0 };
	if (poll(&fd, 1, 1000) < 0 && errno != EINTR)
		fail(load, "poll");
	if (iscsi_service(load->iscsi, fd.revents) < 0)
		fail(load, "the session broke");
}

static void log_in(struct load *load, const char *initiator, const char *url_text, int digests)
{
	struct iscsi_url *url;
	struct scsi_task *task;
	struct scsi_readcapacity16 *capacity;

	load->iscsi = iscsi_create_context(initiator);
	url = iscsi_parse_full_url(load->iscsi, url_text);
	if (url == NULL)
		fail(load, "the URL");
	iscsi_set_targetname(load->iscsi, url->target);
	iscsi_set_session_type(load->iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_header_digest(load->iscsi, digests ? ISCSI_HEADER_DIGEST_CRC32C : ISCSI_HEADER_DIGEST_NONE);
	if (iscsi_full_connect_sync(load->iscsi, url->portal, url->lun) != 0)
		fail(load, "login");
	load->lun = url->lun;
	task = iscsi_readcapacity16_sync(load->iscsi, load->lun);
	if (task == NULL || task->status != SCSI_STATUS_GOOD || !(capacity = scsi_datain_unmarshall(task)))
		fail(load, "READ CAPACITY");
	load->block_bytes = capacity->block_length;
	load->places = capacity->returned_lba + 1;
	scsi_free_scsi_task(task);
	iscsi_destroy_url(url);
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct load load = { .random = 88172645463325252ULL, .running = 1 };
	uint32_t bytes, depth, i;
	double seconds, began, took;
	struct one *ones;

	if (argc != 8) {
		fprintf(stderr, "usage: iscsi-load INITIATOR URL BYTES DEPTH SECONDS WRITE_PERCENT DIGESTS\n");
		return 2;
	}
	log_in(&load, argv[1], argv[2], atoi(argv[7]));
	bytes = (uint32_t)atoi(argv[3]);
	depth = (uint32_t)atoi(argv[4]);
	seconds = atof(argv[5]);
	load.write_percent = (unsigned)atoi(argv[6]);
	load.blocks = bytes / load.block_bytes;
	load.places /= load.blocks;
	load.data = malloc(bytes);
	memset(load.data, 0xa5, bytes);
	load.latencies_us = malloc(sizeof(uint32_t) * MAX_SAMPLES);
	ones = calloc(depth, sizeof(*ones));
	began = now();
	for (i = 0; i < depth; i++) {
		ones[i].load = &load;
		issue(&ones[i]);
	}
	while (load.outstanding > 0) {
		serve(&load);
		if (load.running && now() - began >= seconds)
			load.running = 0;
	}
	took = now() - began;
	if (load.samples > MAX_SAMPLES)
		load.samples = MAX_SAMPLES;
	qsort(load.latencies_us, load.samples, sizeof(uint32_t), ascending);
	printf("{\"reads\":%llu,\"writes\":%llu,\"seconds\":%.6f,\"p50Us\":%u,\"p99Us\":%u,\"maxUs\":%u}\n",
	       (unsigned long long)load.reads, (unsigned long long)load.writes, took,
	       load.latencies_us[load.samples / 2], load.latencies_us[load.samples * 99 / 100],
	       load.latencies_us[load.samples - 1]);
	iscsi_logout_sync(load.iscsi);
	iscsi_destroy_context(load.iscsi);
	return 0;
}
