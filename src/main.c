/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host.h"
#include "inspect.h"
#include "log.h"
#include "options.h"
#include "replay.h"
#include "session.h"
#include "tracer.h"

#define EXIT_USAGE 2

static volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
	if (stop_requested) {
		signal(number, SIG_DFL);
		raise(number);
	}
	stop_requested = 1;
}

/* A signal that we were started to ignore, as nohup does, stays ignored. */
static void catch_signal(int signal, const struct sigaction *action)
{
	struct sigaction inherited;

	if (!sigaction(signal, NULL, &inherited) && inherited.sa_handler != SIG_IGN)
		sigaction(signal, action, NULL);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	catch_signal(SIGINT, &action);
	catch_signal(SIGTERM, &action);
	catch_signal(SIGHUP, &action);
	action.sa_handler = SIG_IGN; /* a closed pipe is an error of write(), not a death */
	sigaction(SIGPIPE, &action, NULL);
}

/* Or what we open would take the numbers of closed ones. Writing to stdout then still fails, as it should. */
static void keep_standard_files(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

/* What is right by itself and wrong on this host. An exit status. */
static int check_host(const struct options *options, struct scope_terms *ret_terms)
{
	unsigned long long least = tracer_buffer_min_bytes();
	char error[256];
	int err;

	if (options->buffer_bytes && options->buffer_bytes < least) {
		log_say("--buffer: this machine needs at least %lluK, 256K for each CPU it may have", least >> 10);
		return EXIT_USAGE;
	}
	err = host_resolve(options, ret_terms, error, sizeof(error));
	if (!err)
		return EXIT_SUCCESS;
	log_say("%s", error);
	return err == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct scope_terms terms;
	struct options options;
	char error[256];
	int status;

	keep_standard_files();
	if (options_parse(argc, argv, &options, error, sizeof(error))) {
		log_say("%s; see nettrace --help", error);
		return EXIT_USAGE;
	}
	if (options.help || options.version) {
		fputs(options.help ? options_help() : "nettrace " NETTRACE_VERSION "\n", stdout);
		return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	log_init(options.verbose);
	if (options.check || options.probes)
		return inspect(&options);
	catch_signals();
	if (options.n_read)
		return replay_run(&options, &stop_requested);
	status = check_host(&options, &terms);
	return status ? status : session_run(&options, &terms, &stop_requested);
}
