/* SPDX-License-Identifier: GPL-2.0 */
#include "machine.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

u64 machine_capabilities(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long capabilities = 0;
	char text[256];

	while (file && fgets(text, sizeof(text), file))
		if (sscanf(text, "CapEff: %llx", &capabilities) == 1)
			break;
	if (file)
		fclose(file);
	return capabilities;
}

/* "none [integrity] confidentiality": the one in brackets is in force. */
static enum check_lockdown read_lockdown(void)
{
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char text[128] = "";

	if (!file)
		return LOCKDOWN_UNTOLD;
	if (!fgets(text, sizeof(text), file))
		*text = 0;
	fclose(file);
	if (strstr(text, "[confidentiality]"))
		return LOCKDOWN_CONFIDENTIALITY;
	return strstr(text, "[integrity]") ? LOCKDOWN_INTEGRITY : LOCKDOWN_NONE;
}

static unsigned int count_module_btfs(void)
{
	DIR *directory = opendir("/sys/kernel/btf");
	struct dirent *entry;
	unsigned int n = 0;

	while (directory && (entry = readdir(directory)))
		n += entry->d_name[0] != '.' && strcmp(entry->d_name, "vmlinux") != 0;
	if (directory)
		closedir(directory);
	return n;
}

void machine_describe(struct check_facts *facts)
{
	struct utsname name;

	if (!uname(&name)) {
		snprintf(facts->release, sizeof(facts->release), "%.64s", name.release);
		snprintf(facts->machine, sizeof(facts->machine), "%.64s", name.machine);
	}
	facts->capabilities = machine_capabilities();
	facts->lockdown = read_lockdown();
	facts->module_btfs = count_module_btfs();
}
