/*
 * Random 4 KiB reads of one session with digests of headers and of data, or without: libiscsi 1.19 knows none of
 * data. It speaks as much iSCSI (RFC 7143) as that takes, and checks every digest that comes. Prints reads a second.
 *
 *     digest-load ADDRESS PORT INITIATOR TARGET LUN MIB DEPTH SECONDS DIGESTS
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BHS = 48, BYTES = 4096, BLOCK = 512, MAX_DEPTH = 256, INPUT = 1 << 20 };
/* Commands leave so many at a time, or when there is nothing else to do: the target need not wait for all of them. */
enum { TOGETHER = 8 };
/* A long piece is digested in three lanes of so many words, since the instruction takes three cycles. */
enum { LANE = 168 };
enum { NOP_IN = 0x20, SCSI_RESPONSE = 0x21, LOGIN_RESPONSE = 0x23, DATA_IN = 0x25 };

static int fd, digests;
static unsigned char input[INPUT], output[MAX_DEPTH * (BHS + 4)];
static size_t from, upto, queued;
static uint32_t cmd_sn = 1, crc_table[256], over_lane[4][256], lun;
static uint64_t random_state = 88172645463325252ULL;

static void fail(const char *what)
{
	fprintf(stderr, "digest-load: %s\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void make_crc_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
		crc_table[i] = crc;
	}
	/* What each byte of a CRC becomes where a lane of zeros follows. */
	for (uint32_t i = 0; i < 4 * 256; i++) {
		uint32_t crc = i % 256 << i / 256 * 8;
		for (int byte = 0; byte < LANE * 8; byte++)
			crc = crc >> 8 ^ crc_table[crc & 0xff];
		over_lane[i / 256][i % 256] = crc;
	}
}

#ifdef __x86_64__
static uint32_t past_lane(uint32_t crc)
{
	return over_lane[0][crc & 0xff] ^ over_lane[1][crc >> 8 & 0xff] ^ over_lane[2][crc >> 16 & 0xff] ^
	       over_lane[3][crc >> 24];
}

static uint64_t word_at(const unsigned char *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, 8);
	return word;
}

__attribute__((target("sse4.2")))
#endif
static uint32_t crc32c(const unsigned char *bytes, size_t length)
{
	uint32_t crc = 0xffffffff;
#ifdef __x86_64__
	for (; length >= 3 * LANE * 8; length -= 3 * LANE * 8, bytes += 3 * LANE * 8) {
		uint64_t one = crc, two = 0, three = 0;
		for (const unsigned char *at = bytes; at < bytes + LANE * 8; at += 8) {
			one = __builtin_ia32_crc32di(one, word_at(at));
			two = __builtin_ia32_crc32di(two, word_at(at + LANE * 8));
			three = __builtin_ia32_crc32di(three, word_at(at + 2 * LANE * 8));
		}
		crc = past_lane(past_lane((uint32_t)one) ^ (uint32_t)two) ^ (uint32_t)three;
	}
	for (; length >= 8; length -= 8, bytes += 8)
		crc = (uint32_t)__builtin_ia32_crc32di(crc, word_at(bytes));
#endif
	while (length-- > 0)
		crc = crc >> 8 ^ crc_table[(crc ^ *bytes++) & 0xff];
	return ~crc;
}

static void put32(unsigned char *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, 4);
}

static void send_all(const void *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = write(fd, bytes, length);
		if (sent <= 0)
			fail("the target took no more");
		bytes = (const char *)bytes + sent;
		length -= (size_t)sent;
	}
}

/* The next `length` bytes of the stream; valid until the next call. */
static unsigned char *receive(size_t length)
{
	if (upto - from < length && from > 0) {
		memmove(input, input + from, upto - from);
		upto -= from;
		from = 0;
	}
	while (upto - from < length) {
		ssize_t got;
		if (queued > 0) {
			send_all(output, queued);
			queued = 0;
		}
		got = read(fd, input + upto, INPUT - upto);
		if (got <= 0)
			fail("the target ended the connection");
		upto += (size_t)got;
	}
	from += length;
	return input + from - length;
}

static void check(const unsigned char *bytes, size_t length)
{
	uint32_t digest;
	if (!digests)
		return;
	memcpy(&digest, bytes + length, 4);
	if (digest != crc32c(bytes, length))
		fail("a digest is wrong");
}

/* One PDU, whole; its header is copied, since its data follows in the same buffer. */
static void receive_pdu(unsigned char *header)
{
	unsigned digest = digests ? 4 : 0;
	unsigned char *bytes = receive(BHS + digest);
	size_t length;

	check(bytes, BHS);
	memcpy(header, bytes, BHS);
	length = (size_t)(header[5] << 16 | header[6] << 8 | header[7]);
	if (length == 0)
		return;
	length = (length + 3) & ~(size_t)3;
	check(receive(length + digest), length);
}

static void log_in(const char *initiator, const char *target, int want_digests)
{
	const char *digest = want_digests ? "CRC32C" : "None";
	unsigned char pdu[BHS + 1024] = { 0x43, 0x87 };
	char *text = (char *)pdu + BHS;
	int length = 0;

	length += sprintf(text + length, "InitiatorName=%.223s", initiator) + 1;
	length += sprintf(text + length, "TargetName=%.223s", target) + 1;
	length += sprintf(text + length, "SessionType=Normal") + 1;
	length += sprintf(text + length, "HeaderDigest=%s", digest) + 1;
	length += sprintf(text + length, "DataDigest=%s", digest) + 1;
	length += sprintf(text + length, "MaxRecvDataSegmentLength=262144") + 1;
	pdu[5] = 0;
	pdu[6] = (unsigned char)(length >> 8);
	pdu[7] = (unsigned char)length;
	pdu[8] = 0x80; /* a random ISID */
	put32(pdu + 9, (uint32_t)getpid());
	put32(pdu + 24, cmd_sn);
	send_all(pdu, BHS + (size_t)((length + 3) & ~3));
	receive_pdu(pdu);
	if (pdu[0] != LOGIN_RESPONSE || pdu[36] != 0 || (pdu[1] & 0x80) == 0)
		fail("login");
	digests = want_digests;
}

/* Leaves with others, at the latest before the next time that this process waits. */
static void command(uint32_t tag, const unsigned char *cdb, uint32_t read_bytes)
{
	unsigned char *pdu = output + queued;

	memset(pdu, 0, BHS);
	pdu[0] = 0x01;
	pdu[1] = read_bytes > 0 ? 0xc1 : 0x81;
	pdu[9] = (unsigned char)lun;
	put32(pdu + 16, tag);
	put32(pdu + 20, read_bytes);
	put32(pdu + 24, cmd_sn++);
	memcpy(pdu + 32, cdb, 10);
	queued += BHS;
	if (digests) {
		uint32_t digest = crc32c(pdu, BHS);
		memcpy(output + queued, &digest, 4);
		queued += 4;
	}
	if (queued >= TOGETHER * BHS) {
		send_all(output, queued);
		queued = 0;
	}
}

static void read_anywhere(uint32_t tag, uint64_t places)
{
	unsigned char cdb[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, BYTES / BLOCK };

	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	put32(cdb + 2, (uint32_t)(random_state * 2685821657736338717ULL % places * (BYTES / BLOCK)));
	command(tag, cdb, BYTES);
}

/* @returns the tag of the command that has ended; its status is in `status` */
static uint32_t next_end(int *status)
{
	unsigned char header[BHS];

	for (;;) {
		int opcode;
		receive_pdu(header);
		opcode = header[0] & 0x3f;
		*status = header[3];
		if (opcode == SCSI_RESPONSE || (opcode == DATA_IN && (header[1] & 0x01) != 0))
			return (uint32_t)header[16] << 24 | (uint32_t)header[17] << 16 | (uint32_t)header[18] << 8 | header[19];
		if (opcode != DATA_IN && opcode != NOP_IN)
			fail("a PDU that was not expected");
	}
}

int main(int argc, char **argv)
{
	static const unsigned char TEST_UNIT_READY[10];
	struct sockaddr_in address = { .sin_family = AF_INET };
	unsigned depth, outstanding;
	uint64_t places, done = 0;
	double began, until;
	int one = 1, status;

	if (argc != 10)
		fail("usage: digest-load ADDRESS PORT INITIATOR TARGET LUN MIB DEPTH SECONDS DIGESTS");
	make_crc_table();
	address.sin_port = htons((uint16_t)atoi(argv[2]));
	if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
		fail("the address");
	lun = (uint32_t)atoi(argv[5]);
	places = strtoull(argv[6], NULL, 10) * (1 << 20) / BYTES;
	depth = (unsigned)atoi(argv[7]);
	if (depth < 1 || depth > MAX_DEPTH)
		fail("the depth");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail("no connection");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	log_in(argv[3], argv[4], atoi(argv[9]));
	do { /* until what there was to tell has been told */
		command(0, TEST_UNIT_READY, 0);
		next_end(&status);
	} while (status == 0x02);
	began = now();
	until = began + atoi(argv[8]);
	for (outstanding = 0; outstanding < depth; outstanding++)
		read_anywhere(outstanding, places);
	while (outstanding > 0) {
		uint32_t tag = next_end(&status);
		if (status != 0)
			fail("a read failed");
		done++;
		if (now() < until)
			read_anywhere(tag, places);
		else
			outstanding--;
	}
	printf("%.1f\n", (double)done / (now() - began));
	return 0;
}
