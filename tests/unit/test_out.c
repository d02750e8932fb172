/* SPDX-License-Identifier: GPL-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "out.h"

#define BIG (1000 * 1000)

static char path[64];

static int make_path(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_out.XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

static struct out *open_out(const char *name)
{
	struct out *out;

	assert_int_equal(out_open(name, &out), 0);
	return out;
}

static void assert_content(const char *expected, size_t size)
{
	char *content = malloc(size + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got;

	assert_true(fd >= 0);
	while ((got = read(fd, content + used, size + 1 - used)) > 0)
		used += (size_t)got;
	close(fd);
	assert_int_equal(used, size);
	assert_memory_equal(content, expected, size);
	free(content);
}

/* Bytes that show where they belong. */
static char *pattern(size_t size)
{
	char *bytes = malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)('!' + (i * 7 + i / 89) % 90);
	bytes[size] = '\0';
	return bytes;
}

static void file(void **state)
{
	struct out *out = open_out(path);

	(void)state;
	out_string(out, "one ");
	out_write(out, "t\0o ", 4);
	out_printf(out, "%s %d", "three", 4);
	assert_content("", 0);
	assert_int_equal(out_flush(out), 0);
	assert_content("one t\0o three 4", 15);
	assert_int_equal(out_error(out), 0);
	assert_int_equal(out_close(out), 0);
	assert_int_equal(out_close(open_out(path)), 0);
	assert_content("", 0);
	assert_int_equal(out_close(NULL), 0);
}

static void new_files(void **state)
{
	char name[80];
	struct stat status;
	mode_t mask = umask(0);
	struct out *out;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "%s.new", path);
	out = open_out(name);
	umask(mask);
	assert_int_equal(stat(name, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the next descriptor: out's is one below */
	assert_true(fcntl(fd - 1, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(out_close(out), 0);
	unlink(name);
}

static void bad_paths(void **state)
{
	struct out *out = (struct out *)path;

	(void)state;
	assert_int_equal(out_open("/nowhere/at/all", &out), -ENOENT);
	assert_int_equal(out_open("", &out), -ENOENT);
	assert_int_equal(out_open("/tmp", &out), -EISDIR);
	assert_ptr_equal(out, path);
}

/* Every mix of sizes around the buffer's, through each of the three functions. */
static void sizes(void **state)
{
	static const size_t steps[] = {1, 13, 4095, 65535, 65536, 65537, 131072, 200001, 0, 65536};
	char *bytes = pattern(BIG);

	(void)state;
	for (int how = 0; how < 3; how++) {
		struct out *out = open_out(path);
		size_t used = 0;

		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			char *piece = strndup(bytes + used, steps[i]);

			if (how == 0)
				out_write(out, piece, steps[i]);
			else if (how == 1)
				out_string(out, piece);
			else
				out_printf(out, "%s", piece);
			used += steps[i];
			free(piece);
		}
		assert_int_equal(out_close(out), 0);
		assert_content(bytes, used);
	}
	free(bytes);
}

static void printf_at_every_fill(void **state)
{
	char *bytes = pattern(70000);

	(void)state;
	for (size_t fill = 65536 - 40; fill <= 65536; fill++) {
		struct out *out = open_out(path);
		char *expected = malloc(fill + 31);

		memcpy(expected, bytes, fill);
		memcpy(expected + fill, "123456789012345678901234567890", 31);
		out_write(out, bytes, fill);
		out_printf(out, "%d%s", 12345, "6789012345678901234567890");
		assert_int_equal(out_close(out), 0);
		assert_content(expected, fill + 30);
		free(expected);
	}
	free(bytes);
}

static void no_space(void **state)
{
	struct out *out = open_out("/dev/full");
	char *bytes = pattern(BIG);

	(void)state;
	out_string(out, "x");
	assert_int_equal(out_error(out), 0);
	assert_int_equal(out_flush(out), -ENOSPC);
	for (int i = 0; i < 20; i++) {
		out_write(out, bytes, 50000);
		out_write(out, bytes, BIG);
		out_printf(out, "%s", bytes);
	}
	assert_int_equal(out_error(out), -ENOSPC);
	assert_int_equal(out_close(out), -ENOSPC);
	out = open_out("/dev/full");
	out_string(out, "only close finds out");
	assert_int_equal(out_close(out), -ENOSPC);
	free(bytes);
}

/* Run with standard output being fd; restored by put_back. */
static int stand_in(int fd)
{
	int saved;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	return saved;
}

static void put_back(int saved)
{
	dup2(saved, STDOUT_FILENO);
	close(saved);
}

static void standard_output(void **state)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int saved = stand_in(fd);
	struct out *out = open_out(NULL), *dash = open_out("-");
	int err, dash_err, still_open;

	(void)state;
	out_string(out, "a");
	err = out_close(out);
	out_string(dash, "b");
	dash_err = out_close(dash);
	still_open = fcntl(STDOUT_FILENO, F_GETFD);
	put_back(saved);
	close(fd);
	assert_int_equal(err, 0);
	assert_int_equal(dash_err, 0);
	assert_true(still_open >= 0);
	assert_content("ab", 2);
}

static void reader_gone(void **state)
{
	int ends[2], saved, err, close_err;
	struct out *out = open_out(NULL);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	saved = stand_in(ends[1]);
	close(ends[1]);
	out_string(out, "x");
	err = out_flush(out);
	out_string(out, "y");
	close_err = out_close(out);
	put_back(saved);
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(err, -EPIPE);
	assert_int_equal(close_err, -EPIPE);
}

static void closed_standard_output(void **state)
{
	struct out *out = open_out(NULL);
	int saved, err;

	(void)state;
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	close(STDOUT_FILENO);
	out_string(out, "x");
	err = out_close(out);
	put_back(saved);
	assert_int_equal(err, -EBADF);
}

/* A slow reader, who also interrupts the writer with signals. */
struct reader {
	int fd;
	pthread_t writer;
	char *bytes;
	size_t used;
};

static void *read_slowly(void *argument)
{
	struct reader *reader = argument;
	ssize_t got;

	do {
		/* the first may find a write that has got somewhere, the second one that has not */
		for (int i = 0; i < 2; i++) {
			usleep(500);
			pthread_kill(reader->writer, SIGUSR1);
		}
		got = read(reader->fd, reader->bytes + reader->used, 17000);
		reader->used += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	return NULL;
}

static void ignore(int signal)
{
	(void)signal;
}

static void slow_pipe(int flags)
{
	struct sigaction action = {.sa_handler = ignore}; /* no SA_RESTART: EINTR, short writes */
	char *bytes = pattern(BIG);
	struct reader reader = {.writer = pthread_self(), .bytes = malloc(BIG + 17000)};
	struct out *out = open_out(NULL);
	int ends[2], saved, err;
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	assert_int_equal(pipe(ends), 0);
	fcntl(ends[1], F_SETFL, flags);
	saved = stand_in(ends[1]);
	close(ends[1]);
	reader.fd = ends[0];
	pthread_create(&thread, NULL, read_slowly, &reader);
	out_write(out, bytes, 300);
	out_write(out, bytes + 300, BIG - 300);
	err = out_close(out);
	put_back(saved);
	pthread_join(thread, NULL);
	close(ends[0]);
	assert_int_equal(err, 0);
	assert_int_equal(reader.used, BIG);
	assert_memory_equal(reader.bytes, bytes, BIG);
	free(reader.bytes);
	free(bytes);
}

static void interrupted(void **state)
{
	(void)state;
	slow_pipe(0);
}

static void non_blocking(void **state)
{
	(void)state;
	slow_pipe(O_NONBLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file),
		cmocka_unit_test(new_files),
		cmocka_unit_test(bad_paths),
		cmocka_unit_test(sizes),
		cmocka_unit_test(printf_at_every_fill),
		cmocka_unit_test(no_space),
		cmocka_unit_test(standard_output),
		cmocka_unit_test(reader_gone),
		cmocka_unit_test(closed_standard_output),
		cmocka_unit_test(interrupted),
		cmocka_unit_test(non_blocking),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
